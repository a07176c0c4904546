#pragma once

#include <vector>

#include "godwit/domain/prediction.h"
#include "godwit/model/curve.h"
#include "godwit/model/dirty_curve.h"

/// QEMU's passes over a dirty curve, as plain arithmetic: the inside of curve.h. Seconds and bytes
/// as doubles; "stream" bytes are pages with their headers, other bytes are guest memory.

namespace godwit::model {

struct Sending {
  double rate = 0;         ///< of the passes: stream bytes per second
  double switch_rate = 0;  ///< of what is left, with the guest stopped: no rate limit then
  double postcopy_rate = 0;
  double threshold = 0;  ///< memory that may be left to switch over
  double window = 0;     ///< seconds
};

/// One way that things may go.
struct Case {
  const Growth* growth = nullptr;
  double speed = 1;        ///< factor on the stated rates
  double phase = 0.5;      ///< where in its range between two looks the threshold is met: 0 = early
  double data_at_end = 1;  ///< share of data pages among the last ones of RAM
};

struct Run {
  bool converges = false;
  bool postcopied = false;  ///< ended by post-copy, not by pre-copy's switchover
  int passes = 0;
  double seconds = 0;  ///< sending, the stop included
  double stream = 0;
  double left = 0;            ///< memory still to send when the passes ended
  double remote_seconds = 0;  ///< post-copy phase: the guest runs on the destination
  double pass_seconds = 0;    ///< of the last pass, and what was dirtied in it
  double dirtied = 0;
};

/// All of memory once, on the stream: data pages with headers, zero pages as marks.
[[nodiscard]] double full_stream(const CurveMemory& memory);
/// Stream bytes per byte of a data page.
[[nodiscard]] double header_factor(const CurveMemory& memory);

[[nodiscard]] Run run_precopy(const CurveMemory& memory, const CurveOptions& options,
                              const Sending& sending, const Case& c,
                              std::vector<PredictedRound>* rounds);
/// `share` of one pass by pre-copy, the rest by post-copy. With a whole pass, QEMU may find that it
/// can switch over as pre-copy does; then it does.
[[nodiscard]] Run run_postcopy(const CurveMemory& memory, const CurveOptions& options,
                               const Sending& sending, const Case& c, double share,
                               std::vector<PredictedRound>* rounds);

}  // namespace godwit::model
