#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/domain/cpu_quota.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/order.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"

namespace godwit {

/// Why a migration is given up.
enum class GiveUp {
  kNone,
  kUser,
  kDeadline,
  kDeadLink,
  kStorage,        ///< the disks would not be whole at the destination
  kRefused,        ///< `migrate` was refused, after the disks had been mirrored
  kGuestShutDown,  ///< there is nothing left to move
  kLaw,            ///< the control law sees no way to keep the intent
};

/// CPU time of a VM's vCPUs, as counted at a moment.
struct VcpuCount {
  std::int64_t wall_us = 0;
  std::vector<VcpuUse> uses;
};

/// A sync of the dirty bitmap: the end of a pass over memory, and the start of the next one.
struct PassSync {
  std::int64_t pass = 0;  ///< 1 opens the first pass
  std::int64_t wall_us = 0;
  MigrationStatus status;  ///< asked for just after it
  /// Likewise, how the source's vCPUs have run so far; absent where nobody counts it.
  std::optional<VcpuCount> vcpus{};
  /// No sync: this is how the pass stood when somebody began to watch.
  bool joined = false;
};

/// Disks that move along.
struct StorageView {
  Bytes done;
  Bytes left;           ///< grows with what the guest writes
  std::string failure;  ///< why they will not be whole; empty while they may be
};

/// What is known of one migration up to now, and what was ordered.
struct SessionView {
  MigrationStatus status;  ///< newest of the source
  bool launched = false;   ///< memory's turn has come: before, there are only mirrors of disks
  bool held_back = false;  ///< disks move, and the switchover was not let go on yet
  bool postcopy_ordered = false;  ///< or perhaps ordered: the order got no answer
  bool cancel_ordered = false;
  std::optional<std::int64_t> stop_us;    ///< the migration stopped the guest at the source
  std::optional<std::int64_t> resume_us;  ///< the destination let the guest run
  /// The guest's state at the source where it stands still, and not for the migration.
  std::optional<RunState> paused_as;
  bool shut_down = false;        ///< the guest shut itself down at the source
  bool shut_down_there = false;  ///< at the destination
  std::optional<StorageView> storage;
  bool rest_follows = false;   ///< the guest has moved, and a part of its disks has not
  Bytes ram;                   ///< known where disks come first
  std::string stream{};        ///< where the source connects to
  bool may_slow_down = false;  ///< the source's vCPUs can be given less time, as far as is known
  Ratio cpu_quota{1};          ///< share of its time that each of them keeps now

  TimePoint started{};  ///< of the mirrors, or of memory without any
  std::int64_t started_wall_us = 0;
  TimePoint launched_at{};
  std::int64_t launched_wall_us = 0;
  std::optional<TimePoint> gave_up_at;
  TimePoint last_answer{};    ///< to a question how far it is
  TimePoint last_progress{};  ///< answer that showed something new
};

/// Whether who tells of a migration can be heard.
struct Liveness {
  bool ended = false;         ///< the source's process is known to have ended
  bool connected = true;      ///< as far as is known
  bool out_of_reach = false;  ///< connecting anew was given up
  Seconds silent_for{};
};

/// One migration of one VM, by whatever carries it out: a pair of QEMUs, libvirt, the twin, a
/// command line. Control drives it: prepare, start, then watch and order until it is over, then
/// settle and release. Not thread-safe; calls block for as long as the hypervisor takes to answer.
///
/// What an implementation cannot do it refuses with kUnsupported, and the migration goes on.
class MigrationSession {
 public:
  MigrationSession() = default;
  MigrationSession(const MigrationSession&) = delete;
  MigrationSession& operator=(const MigrationSession&) = delete;
  virtual ~MigrationSession() = default;

  /// Everything that can fail without touching the guest. Borrows what is needed of both sides.
  virtual Result<void> prepare(const MigrationPlan& plan) = 0;
  /// Begins. An error means that nothing was started.
  virtual Result<void> start() = 0;

  /// Waits until something happens, until `deadline` at most, and takes it into the view. Returns
  /// the syncs since the last call, in order.
  virtual std::vector<PassSync> watch(TimePoint deadline) = 0;
  [[nodiscard]] virtual const SessionView& view() const = 0;
  [[nodiscard]] virtual Liveness liveness() = 0;
  /// Nothing more is to be learnt by watching, for a reason that only this session knows.
  [[nodiscard]] virtual bool exhausted() { return false; }
  /// Somebody else drives it: nothing can be ordered, and whoever watches may go at any time.
  [[nodiscard]] virtual bool only_watches() const { return false; }
  /// What else happened that a person should know; each is given once.
  virtual std::vector<std::string> take_remarks() { return {}; }

  /// Changes limits while memory is sent.
  virtual Result<void> amend(const Order& order) = 0;
  /// kBusy: not now; it may be ordered again.
  virtual Result<void> switch_to_postcopy() {
    return fail(ErrorCode::kUnsupported, "no post-copy here");
  }
  /// Gives up, where it is certain that the guest stays whole at the source. False where it can't
  /// be given up now: to be tried again, as long as the stage allows it.
  virtual bool cancel(GiveUp why, const std::string& reason) = 0;
  /// In post-copy over a dead link: gives the link up, so that the guest can be recovered.
  virtual void give_link_up() {}

  /// In post-copy whose link broke: tries to go on over the same link. To be called again and
  /// again; the view shows when it goes on.
  virtual void mend_link() {}

  /// Finds out where the guest runs, and lets it run on where it stands still. Fills in status,
  /// place, reason, and what it measured itself. Waits no longer once `leave` is requested.
  virtual void settle(MigrationOutcome& outcome, const std::stop_token& leave) = 0;
  /// After `settle`, where a part of the VM follows its guest: waits until `deadline` at most, and
  /// tells in the view how far it is. False once nothing is left, or nothing can be done.
  virtual bool follow_rest(TimePoint deadline) {
    (void)deadline;
    return false;
  }
  /// Instead of both settling and releasing, where somebody waits no longer: asks nobody, and
  /// leaves what was borrowed to a successor. The migration goes on by itself.
  virtual void leave(MigrationOutcome& outcome);
  [[nodiscard]] virtual std::optional<RunState> run_state(Side side) = 0;
  /// Why the guest on that side is plainly dead, seen from outside; absent: it can't be told.
  [[nodiscard]] virtual std::optional<std::string> why_dead(Side side) {
    (void)side;
    return std::nullopt;
  }
  /// Gives back what was borrowed, as far as that is safe, and says so in the outcome. Also after
  /// an error of `prepare` or `start`.
  virtual void release(MigrationOutcome& outcome) = 0;
};

}  // namespace godwit
