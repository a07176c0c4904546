#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"

namespace godwit::control {

/// Who takes part. Null = nobody there to ask; the outcome then says less.
struct Parties {
  Hypervisor& source;
  Hypervisor& destination;
  std::string stream{};  ///< where the source connects to, e.g. "tcp:10.78.0.2:4444"
  OutageProbe* probe = nullptr;
  GuestCheck* check = nullptr;
  WireCounter* wire = nullptr;
  Journal* journal = nullptr;
  std::string source_name{};  ///< this and the rest are for the journal
  std::string destination_name{};
  std::int64_t source_pid = 0;
  std::int64_t source_started = 0;
  std::int64_t destination_pid = 0;
  std::int64_t destination_started = 0;
  std::string source_identity{};  ///< VmDescription::identity
  std::string destination_identity{};
  std::optional<std::string> listen{};  ///< where the destination listens, if not at `stream`
};

/// Where a running migration stands, a few times a second.
struct Progress {
  MigrationPhase phase = MigrationPhase::kNone;
  Seconds elapsed{};
  int round = 1;
  Bytes transferred;
  std::optional<Bytes> remaining;
  /// Of the disks to be mirrored; absent where none move, and once they are whole. Until memory's
  /// turn comes, the phase is kNone.
  std::optional<Bytes> storage_left;
  std::optional<BytesPerSecond> rate;
  std::optional<BytesPerSecond> dirty_rate;  ///< as QEMU saw it at its last sync
  std::optional<int> throttle_percent;       ///< of the guest's vCPUs, by auto-converge
  std::optional<Seconds> eta;
  bool point_of_no_return = false;    ///< nothing can be cancelled safely any more
  std::optional<Seconds> standstill;  ///< nothing was sent for so long that it is worth saying
  std::optional<Seconds> silence;     ///< likewise, the source's monitor said nothing
};

struct RunOptions {
  Requested requested;
  std::optional<Seconds> predicted_total;  ///< for the ETA
  std::function<void(const Progress&)> on_progress;
  /// Somebody waits no longer: where nothing can be cancelled any more, the watching ends. The
  /// outcome is then `unknown` and says what to ask; QEMU goes on by itself, and what was borrowed
  /// stays in the journal.
  std::stop_token leave{};
};

/// Runs one migration and examines the guest afterwards.
///
/// An Error means that nothing was started: the VM is as it was. Otherwise the outcome says how it
/// ended and where the VM runs. A stop request or `plan.max_time` cancels while that is safe (not
/// once post-copy has begun). Disks that move (`plan.storage`) are mirrored first, and the guest
/// only leaves when they are whole: until then it can always stay. Capabilities and parameters of
/// both sides are given back at the end. The source QEMU of a completed migration is left paused
/// (postmigrate) for its owner to end. Blocks; call it from one thread, which must own both
/// hypervisors.
Result<MigrationOutcome> run_migration(Clock& clock, const Parties& parties,
                                       const MigrationPlan& plan, const RunOptions& options,
                                       std::stop_token stop);

}  // namespace godwit::control
