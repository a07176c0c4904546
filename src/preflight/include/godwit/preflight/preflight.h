#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"

namespace godwit::preflight {

/// Both sides as they are before a migration.
struct PreflightFacts {
  VmDescription source;
  VmDescription destination;
  MigrationStatus source_migration;       ///< is it migrating already, may it?
  MigrationStatus destination_migration;  ///< does it listen already?
  Inspection source_has;
  Inspection destination_has;
  std::string listen;    ///< where the destination shall listen; empty: not known, not checked
  std::string stream{};  ///< where the source connects to; likewise
  std::optional<std::string> no_postcopy;           ///< why the destination may not do it
  std::optional<Bytes> memory_free_at_destination;  ///< absent: not known, not checked
  /// Of disks by the source's device: is it one and the same file on both sides? Absent: not known,
  /// the names decide as far as they tell.
  std::map<std::string, bool> same_file{};
  /// Of read-only disks, likewise, where the files are two: do they hold the same? Absent: not
  /// known, the sizes decide.
  std::map<std::string, bool> same_content{};
};

/// What is worth knowing and stops nothing.
using Warnings = std::vector<std::string>;

/// Asks both sides. Changes nothing. What their states refuse (errors as of `check`) is not
/// inspected: no device is asked of a VM that can't be moved.
Result<PreflightFacts> gather_facts(Hypervisor& source, Hypervisor& destination);
/// Asks a destination that waits whether it may do post-copy, which changes nothing. To be left out
/// where post-copy is out of the question.
Result<void> ask_for_postcopy(Hypervisor& destination, PreflightFacts& facts);

/// What both sides can do, with each other and as the destination was started.
[[nodiscard]] CapabilitySet common_abilities(const PreflightFacts& facts);

/// Is everything as it must be, so that nothing that can be known beforehand fails later? Pure.
/// kBadInput: the two don't fit together; kBusy: already migrating; kUnsupported: an ability is
/// missing; kEnvironment: not enough memory, or rights. The VM is untouched in every case.
Result<Warnings> check(const PreflightFacts& facts, const MigrationPlan& plan);

}  // namespace godwit::preflight
