#pragma once

#include <cstdint>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"

namespace godwit::relay {

/// Bytes carried per grain of 10 ms, of the last minute. Pure: time is handed in and never goes
/// back.
class ThroughputMeter {
 public:
  explicit ThroughputMeter(TimePoint now);

  void add(TimePoint now, Bytes carried);
  /// Whole grains that are over, oldest first; none from before the meter was made.
  [[nodiscard]] std::vector<Bytes> last(Seconds window, TimePoint now) const;

 private:
  static std::int64_t grain_of(TimePoint time);

  std::int64_t first_;   ///< the first whole grain
  std::int64_t newest_;  ///< the grain of the newest entry
  std::vector<Bytes> ring_;
};

}  // namespace godwit::relay
