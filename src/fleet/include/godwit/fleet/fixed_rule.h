#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "godwit/fleet/fleet_plan.h"

/// How hosts are emptied where nobody plans: a fixed number of moves at a time. Pure.

namespace godwit::fleet {

struct FixedRule {
  std::string_view name;
  std::size_t from_host = 0;         ///< moves at a time that leave one host; 0: any number
  std::size_t in_all = 0;            ///< likewise, of all hosts together
  bool plain = false;                ///< by pre-copy alone, whatever suits the VM
  std::optional<Seconds> per_gib{};  ///< a move is given up after so long for each GiB of the VM
};

/// All at once, two at once, one at a time, and KubeVirt's defaults (user guide, "Live migration":
/// parallelOutboundMigrationsPerNode 2, parallelMigrationsPerCluster 5, completionTimeoutPerGiB
/// 150, neither auto-converge nor post-copy).
[[nodiscard]] std::vector<FixedRule> fixed_rules();

/// May a move begin beside those that are under way?
[[nodiscard]] bool may_begin(const FixedRule& rule, const PlannedMove& move,
                             std::span<const PlannedMove* const> under_way);

}  // namespace godwit::fleet
