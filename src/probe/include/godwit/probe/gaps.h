#pragma once

#include <cstdint>
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

}  // namespace godwit::probe
