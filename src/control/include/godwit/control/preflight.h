#pragma once

#include <map>
#include <optional>
#include <string>

#include "godwit/base/error.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"

namespace godwit::control {

/// Both sides as they are before a migration.
struct PreflightFacts {
  VmDescription source;
  VmDescription destination;
  MigrationPhase source_phase = MigrationPhase::kNone;  ///< is it migrating already?
  std::optional<Bytes> memory_free_at_destination;      ///< absent: not known, not checked
  /// Of disks by device: is it one and the same file on both sides? Absent: not known, the names
  /// decide.
  std::map<std::string, bool> same_file{};
  /// Of read-only disks by device, where the files are two: do they hold the same? Absent: not
  /// known, the sizes decide.
  std::map<std::string, bool> same_content{};
};

/// Asks both sides. Changes nothing.
Result<PreflightFacts> gather_facts(Hypervisor& source, Hypervisor& destination);

/// Is everything as it must be, so that nothing that can be known beforehand fails later? Pure.
/// kBadInput: the two don't fit together; kBusy: already migrating; kUnsupported: an ability is
/// missing; kEnvironment: not enough memory. The VM is untouched in every case.
Result<void> preflight(const PreflightFacts& facts, const MigrationPlan& plan);

}  // namespace godwit::control
