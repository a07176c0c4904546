#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/fleet/fleet_plan.h"
#include "godwit/fleet/record.h"

/// At which hour of the day moving is cheapest, by what was seen of the VMs again and again. Pure.

namespace godwit::fleet {

/// A moment as people's clocks show it.
struct LocalHour {
  int hour = 0;          ///< 0 ... 23
  std::int64_t day = 0;  ///< counted from any one on
};

/// What the same moves would take at an hour of the day.
struct HourCost {
  int hour = 0;
  int days = 0;  ///< on which each of the VMs was seen then, at least
  Interval<Seconds> finish;
};

/// An hour counts once each VM that is to move was seen in it on so many days: one alone may have
/// been as no other is.
inline constexpr int kFewestDays = 2;

/// A plan for each hour that counts, ascending, as if it began then, whatever is wanted of the
/// hour. Of what was seen of a VM in one hour, the median counts by the time that it takes over
/// the widest path. `seen`: of Entry::Kind::kSeen; others are left out.
[[nodiscard]] std::vector<HourCost> cost_by_hour(
    const Situation& situation, const Costs& costs, const std::vector<Entry>& seen,
    const std::function<LocalHour(std::int64_t wall_us)>& local, std::uint64_t seed);

}  // namespace godwit::fleet
