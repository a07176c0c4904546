#pragma once

#include <cstdint>
#include <vector>

#include "godwit/fleet/estimate.h"
#include "godwit/fleet/fixed_rule.h"
#include "godwit/fleet/runner.h"
#include "godwit/hosts/fleet_file.h"
#include "godwit/schedule/paths.h"

/// Private to hosts: an evacuation by a fixed rule, in the twin.

namespace godwit::hosts {

/// One run: the moves begin in the order given, as many at a time as the rule allows, and share
/// the links by max-min fairness, as nobody holds them back. A move's turn is over when nothing of
/// the VM is left at its source. `run`: as SimulatedFleet has it, with the same chances. Post-copy
/// is kUnsupported, as are disks: what it sends is not shared here.
Result<fleet::RunOutcome> run_by_rule(const FleetFile& fleet, const fleet::FixedRule& rule,
                                      const std::vector<fleet::PlannedMove>& moves,
                                      const fleet::Costs& costs, std::uint64_t run);

}  // namespace godwit::hosts
