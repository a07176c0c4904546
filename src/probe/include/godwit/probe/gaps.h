#pragma once

#include <deque>
#include <optional>
#include <span>

#include "godwit/base/clock.h"
#include "godwit/domain/ports.h"

namespace godwit::probe {

/// The gaps between the arrivals of answers. `arrivals` ascend; `end` is when asking ended: the
/// time from the last answer to it counts as a gap too, since an outage may last beyond it.
/// Answers that come late in one burst leave their gap in arrivals, which is what a client sees.
struct GapSummary {
  Seconds longest{};
  Seconds usual{};            ///< median of the gaps between two answers; 0 with fewer than two
  TimePoint longest_start{};  ///< arrival of the answer before the longest gap
};
/// Needs at least one arrival. Pure.
GapSummary summarize_gaps(std::span<const TimePoint> arrivals, TimePoint end);

/// The same for arrivals that come one by one, without end and in bursts, in bounded memory: the
/// newest 100,000 bursts are kept. What comes within a millisecond of a burst's beginning belongs
/// to it: a sender that sends five messages every 10 ms has a usual gap of 10 ms.
class GapMeter {
 public:
  /// Times that go back (clocks may be set) count as no time passed.
  void arrive(TimePoint at);
  [[nodiscard]] bool any() const { return !bursts_.empty(); }
  /// The longest of the gaps that ended after `from`, `end` ending the last one; absent when
  /// nothing arrived. The usual one is that of all that are kept.
  [[nodiscard]] std::optional<GapSummary> summary(TimePoint from, TimePoint end) const;

 private:
  struct Burst {
    TimePoint first;
    TimePoint last;
  };
  std::deque<Burst> bursts_;
};

}  // namespace godwit::probe
