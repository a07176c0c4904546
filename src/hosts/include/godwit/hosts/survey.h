#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/domain/migration_plan.h"
#include "godwit/engine/places.h"
#include "godwit/fleet/estimate.h"
#include "godwit/hosts/fleet.h"

namespace godwit::hosts {

struct SurveyOptions {
  Intent intent{};
  std::map<std::string, Intent> intents{};  ///< of VMs for which another one holds
  Seconds observe{8};
  bool profile = true;  ///< false: nobody looks at the VMs; their history has to do
  std::string store{};  ///< the file of outcomes; empty: the usual one
};

/// Observes VMs from outside, several at once, and predicts what moving each of them takes, over
/// all of its path and over half of it. A VM that can't be moved as is wanted is blocked in its
/// estimate; one that can't be observed is an error that names it. kInterrupted. `surveyed` is
/// called as each comes in, from one thread at a time.
Result<std::map<std::string, fleet::Estimate>> survey(
    Fleet& fleet, const fleet::Inventory& inventory, const std::vector<std::string>& vms,
    const EngineMaker& engines, const engine::Places& places, const SurveyOptions& options,
    const fleet::Costs& costs, std::stop_token stop,
    const std::function<void(const fleet::Estimate&)>& surveyed);

}  // namespace godwit::hosts
