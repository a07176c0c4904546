#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/fleet/inventory.h"

/// What somebody wants of a fleet. Pure.

namespace godwit::fleet {

/// What somebody wants of one VM, beside where it is to be.
struct Wish {
  Seconds not_before{};       ///< earliest start of its move, since the plan's start
  std::int64_t priority = 0;  ///< of moves that wait, those of higher ones go first
  std::string apart{};        ///< no two of a group on one host, not even while one of them moves
  std::string together{};     ///< all of a group end on one host
  friend bool operator==(const Wish&, const Wish&) = default;
};

struct Goal {
  std::string empty{};                         ///< the host that all VMs are to leave, if any
  std::map<std::string, std::string> bring{};  ///< VMs that are wanted on a host
  std::vector<std::string> to{};               ///< only these take VMs; empty: every host may
  std::vector<std::string> keep{};             ///< VMs that stay
  std::optional<Seconds> within{};             ///< all is to be done by then
  std::map<std::string, Wish> wishes{};        ///< by VM, also of VMs that stay
};

/// kNotFound, kBadInput, by name: a host or VM that there is not, one that is named twice, a host
/// that is to be empty and to take VMs, one that is cordoned, no host that may take any, no time.
Result<void> check(const Inventory& inventory, const Goal& goal);

/// The VMs that are to move, by the inventory's order.
[[nodiscard]] std::vector<std::string> vms_to_move(const Inventory& inventory, const Goal& goal);

}  // namespace godwit::fleet
