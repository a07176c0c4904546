#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/engine/observer.h"
#include "godwit/engine/open_pair.h"
#include "same_files.h"

namespace godwit::engine {

/// Both sides of a migration, as of one look at them.
struct BothSides {
  VmDescription source;
  VmDescription destination;
  CapabilitySet abilities;  ///< that they have in common
  std::optional<std::string>
      no_postcopy;                      ///< why the destination may not do it, where it was asked
  std::vector<Disk> moved_disks;        ///< the source's, that the plan moves
  std::vector<MovedDisk> moves;         ///< the same, by both sides' names
  std::optional<std::string> no_share;  ///< why no part of them may follow the guest
  std::vector<std::string> warnings;
};

struct Look {
  bool ask_for_postcopy = false;     ///< whether the destination may do it
  SameContents* contents = nullptr;  ///< media that were compared before are not read again
  std::stop_token stop{};
};

/// Refuses what control::preflight does. Changes nothing.
Result<BothSides> look_at_both(OpenPair& pair, const MigrationPlan& plan, const Look& look,
                               Observer& observer);

/// For people: post-copy is no choice for this reason.
[[nodiscard]] std::string without_postcopy(const std::string& why);

}  // namespace godwit::engine
