#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/fleet/inventory.h"

/// What somebody wants of a fleet. Pure.

namespace godwit::fleet {

struct Goal {
  std::string empty{};                         ///< the host that all VMs are to leave, if any
  std::map<std::string, std::string> bring{};  ///< VMs that are wanted on a host
  std::vector<std::string> to{};               ///< only these take VMs; empty: every host may
  std::vector<std::string> keep{};             ///< VMs that stay
  std::optional<Seconds> within{};             ///< all is to be done by then
};

/// kNotFound, kBadInput, by name: a host or VM that there is not, one that is named twice, a host
/// that is to be empty and to take VMs, one that is cordoned, no host that may take any, no time.
Result<void> check(const Inventory& inventory, const Goal& goal);

/// The VMs that are to move, by the inventory's order.
[[nodiscard]] std::vector<std::string> vms_to_move(const Inventory& inventory, const Goal& goal);

}  // namespace godwit::fleet
