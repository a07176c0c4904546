#pragma once

#include <string>
#include <utility>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/network.h"
#include "godwit/fleet/fleet_plan.h"

/// What a plan's moves take of the links. Pure.

namespace godwit::fleet {

struct LinkUse {
  std::string name;  ///< for people
  BytesPerSecond capacity;
  /// Since when which share of it is reserved; ascending, the last one is 0.
  std::vector<std::pair<Seconds, double>> shares;
};

/// Of the links that the plan uses, those with most to carry for their capacity first.
[[nodiscard]] std::vector<LinkUse> link_use(const FleetPlan& plan, const Network& network);

}  // namespace godwit::fleet
