#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"
#include "godwit/domain/session.h"
#include "godwit/steer/law.h"
#include "godwit/steer/laws.h"

namespace godwit::control {

/// Who looks at a migration from outside. Null: nobody there to ask; the outcome then says less.
struct Onlookers {
  OutageProbe* probe = nullptr;
  GuestCheck* check = nullptr;
  WireCounter* wire = nullptr;
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
  /// The guest has moved; `storage_left` is what is still at the source of its disks.
  bool rest_follows = false;
  std::optional<BytesPerSecond> rate;
  std::optional<BytesPerSecond> dirty_rate;  ///< as QEMU saw it at its last sync
  std::optional<int> throttle_percent;       ///< of the guest's vCPUs, by auto-converge
  EndForecast forecast;
  bool point_of_no_return = false;    ///< nothing can be cancelled safely any more
  std::optional<Seconds> standstill;  ///< nothing was sent for so long that it is worth saying
  std::optional<Seconds> silence;     ///< likewise, the source's monitor said nothing
};

/// A round has ended, or a law has ordered something.
struct RunEvent {
  const Progress& now;
  const RoundRecord* round = nullptr;   ///< null: it is about an order
  const AppliedOrder* order = nullptr;  ///< with what came of it; null: it is about a round
};

struct RunOptions {
  Requested requested;
  /// What is known of guest, hosts and plan, for the forecast of the end; may be empty.
  steer::Known known{};
  std::function<void(const Progress&)> on_progress;
  std::function<void(const RunEvent&)> on_event{};  ///< one for each round and each order
  /// What a person should know at once, each given once. Empty: it is logged.
  std::function<void(const std::string&)> on_warning{};
  /// The law decides, and nothing is ordered: what it would have ordered is in the outcome as
  /// refused. What the plan itself asks for is done all the same.
  bool observe_only = false;
  /// Give up, when the source's monitor is silent for longer than that; absent: as the stage has it
  /// (steer/stage.h).
  std::optional<Seconds> longest_silence{};
  /// So long after a post-copy's link broke it is tried to go on over it. A switch that starts
  /// anew, or another path that is found, takes a minute or two.
  Seconds mend_for{300};
  /// Asked once all is ready and nothing is left but to begin, so that one migration can follow
  /// another without a gap. May block. False: it is not begun, as after a stop request. Empty: it
  /// begins at once.
  std::function<bool()> await_turn{};
  /// Somebody waits no longer: where nothing can be cancelled any more, the watching ends. The
  /// outcome is then `unknown` and says what to ask; QEMU goes on by itself, and what was borrowed
  /// stays in the journal.
  std::stop_token leave{};
};

/// Runs one migration under a control law and examines the guest afterwards.
///
/// An Error means that nothing was started: the VM is as it was. Otherwise the outcome says how it
/// ended and where the VM runs. A stop request or `plan.max_time` cancels while that is safe (not
/// once post-copy has begun). What the law orders is vetted against plan and stage, carried out,
/// and kept in the outcome. Whatever the session borrowed is given back at the end. Blocks; call it
/// from one thread, which must own the session.
Result<MigrationOutcome> run_migration(Clock& clock, MigrationSession& session,
                                       const MigrationPlan& plan, steer::Law& law,
                                       const Onlookers& onlookers, const RunOptions& options,
                                       std::stop_token stop);

}  // namespace godwit::control
