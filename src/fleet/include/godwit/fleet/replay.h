#pragma once

#include <map>
#include <string>

#include "godwit/domain/outcome.h"
#include "godwit/fleet/fleet_plan.h"
#include "godwit/fleet/runner.h"

namespace godwit::fleet {

/// How a plan would go, by its VMs' names, where each move takes as long as its outcome says: it
/// begins once those before it are over and its destination is prepared. Nothing is planned anew: a
/// VM that did not arrive stays where it is. Pure.
RunOutcome replay(const FleetPlan& plan, const Costs& costs,
                  const std::map<std::string, MigrationOutcome>& outcomes);

}  // namespace godwit::fleet
