#include "godwit/model/curve_rounds.h"

#include <cmath>

namespace godwit::model {

CurveRounds curve_rounds(const Growth& curve, Bytes data, BytesPerSecond rate,
                         Seconds downtime_limit, Seconds max_time) {
  const double bytes_per_second = rate.value();
  double left = data.as_double();
  double total = 0;
  double sent = 0;
  CurveRounds out;
  while (!out.converges && total <= max_time.count()) {
    const double seconds = left / bytes_per_second;
    const bool last = out.rounds > 0 && seconds <= downtime_limit.count();
    total += seconds;
    sent += left;
    ++out.rounds;
    const double dirty = last ? 0 : curve.bytes_at(seconds);
    out.converges = last;
    if (last) out.downtime = Seconds(seconds);
    const bool fits = dirty / bytes_per_second <= downtime_limit.count();
    if (!last && out.rounds > 1 && dirty >= left && !fits) break;
    left = dirty;
  }
  out.total = Seconds(total);
  out.sent = Bytes(static_cast<std::int64_t>(std::llround(sent)));
  out.converges = out.converges && out.total <= max_time;
  return out;
}

}  // namespace godwit::model
