#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/disk_sharing.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::pair {

/// Two hypervisors on a simulated clock that play a pre-copy or post-copy migration as QEMU does,
/// with a source that is mute while it sends the last part, and a cancel that comes too late: a
/// fake made only so that faults can be made on purpose, before any call.
class FakePair {
 public:
  enum class Victim { kNone, kSource, kDestination };
  enum class Fault {
    kDies,             ///< the process
    kLosesConnection,  ///< for good; the process lives
    kLosesConnectionAWhile,
    kLinkCut,   ///< both ends notice at once
    kLinkDead,  ///< nobody notices
    kLinkCutAWhile,
    kLinkDeadAWhile,
    kMute,      ///< for a minute
    kRefuses,   ///< the call
    kTimesOut,  ///< the call is carried out, its answer is lost
    kGodwitDies,
    kUserStops,  ///< World::user_stops is called
  };
  struct GodwitDied {};  ///< thrown

  struct World {
    ManualClock clock;
    int calls = 0;  ///< port calls so far, over both sides
    int fault_at_call = -1;
    Fault fault = Fault::kDies;
    Victim victim = Victim::kNone;
    Seconds awhile{20};  ///< of the faults that pass
    std::function<void()> user_stops;
    bool godwit_is_dead = false;  ///< nothing that it still calls (destructors) arrives
    std::string vm = "a VM";      ///< by which both sides' identities are told from another pair's
    bool converges = true;
    bool first_pass_untold = false;  ///< as with QEMU 11.1
    double last_part = 0.1;          ///< seconds that the source is mute in the switchover
    bool destination_waits = false;  ///< started with -S: takes the guest, does not run it
    bool destination_fails = false;  ///< gets all bytes and ends instead of running the guest
    bool link_stalls = false;        ///< nothing is sent any more after the first round
    bool processes_unseen = false;   ///< on other hosts: none is ever known to have ended
    std::optional<double> person_pauses_at;  ///< after the start, at the source
    std::optional<double> guest_shuts_down_at;
    bool no_shutdown = false;                 ///< QEMU stays when its guest has shut down
    double mirror_seconds = 2;                ///< until the disk's mirror is ready
    std::optional<std::string> mirror_error;  ///< after the first second
    bool mirror_ends_badly = false;           ///< the last part cannot be written
    bool mirror_hangs = false;                ///< in its last part
    bool cancelled_stays_stopped =
        false;  ///< as QEMU 7.2 does with post-copy before its switchover
    /// Of post-copy all is sent: a pause is a failure then, and the source's old copy runs on (QEMU
    /// 10.0.2).
    bool pause_comes_too_late = false;
    bool shares_disks = false;  ///< they can be left behind
    std::optional<std::string> refuse_serve;
    std::optional<std::string> refuse_mirror;
    std::optional<std::string> refuse_finish;
    std::optional<std::string> refuse_continue;
    std::optional<std::string> refuse_migrate;
    std::optional<std::string> refuse_listen;
  };

  explicit FakePair(World& world);

  struct Scheduled {
    TimePoint when;
    HypervisorEvent event;
    std::function<void()> effect;
  };

  class Fake : public Hypervisor, public DiskSharing, public DiskWatch {
   public:
    Fake(FakePair& pair, World& world);

    Result<void> reconnect() override;
    bool known_ended() override { return !alive && !world_.processes_unseen; }
    Result<VmDescription> describe() override;
    Result<RamLayout> ram_layout() override { return RamLayout{}; }
    Result<RunState> run_state() override;
    Result<MigrationStatus> migration_status() override;
    Result<CapabilitySet> capabilities() override;
    Result<void> set_capabilities(const CapabilitySet& on, const CapabilitySet& off) override;
    Result<MigrationParameters> parameters() override;
    Result<void> set_parameters(const MigrationParameters& p) override;
    Result<void> listen(const std::string& uri) override;
    Result<void> migrate(const std::string& uri) override;
    Result<void> start_postcopy() override;
    Result<void> pause_postcopy() override;
    Result<void> recover_postcopy(const std::string& uri) override;
    Result<void> resume_postcopy(const std::string& uri) override;
    Result<void> cancel() override;
    Result<void> pause() override;
    Result<void> resume() override;
    Result<void> quit() override;
    Result<StorageOffer> serve_storage(const std::string& stream,
                                       const std::vector<std::string>& devices) override;
    Result<void> mirror_storage(const StorageOffer& offer,
                                std::optional<BytesPerSecond> most) override;
    Result<StorageStatus> storage_status() override;
    Result<void> finish_storage() override;
    Result<void> drop_storage() override;
    Result<void> continue_switchover() override;
    DiskSharing* disk_sharing() override { return world_.shares_disks ? this : nullptr; }
    Result<StorageOffer> share_disks(const std::string& uri,
                                     const std::vector<std::string>& devices) override;
    Result<std::vector<WrittenExport>> rotate_written() override;
    Result<void> keep_sharing() override;
    Result<void> end_sharing() override;
    Result<void> attach_source(const StorageOffer& offer, const std::vector<std::string>& devices,
                               Seconds patience) override;
    Result<void> detach_source() override;
    Result<void> fetch_rest(std::optional<BytesPerSecond> most) override;
    Result<void> pace_fetch(std::size_t disk, std::optional<BytesPerSecond> most) override;
    Result<RestStatus> rest_status() override;
    DiskWatch* disk_watch() override { return this; }
    Result<void> watch_writes(const std::vector<std::string>& devices) override;
    Result<std::vector<WrittenSoFar>> written_so_far() override;
    Result<void> end_watching() override;
    Result<std::optional<HypervisorEvent>> next_event(TimePoint deadline) override;

    std::vector<Disk> disks;           ///< as described
    std::vector<std::string> watched;  ///< devices
    bool alive = true;
    bool connected = true;
    std::optional<TimePoint> reachable_again;  ///< where the connection is lost for a while
    RunState state = RunState::kRunning;
    int version_minor = 0;  ///< of QEMU 10
    MigrationStatus status;
    CapabilitySet on;
    MigrationParameters set;
    bool listening = false;
    std::vector<std::string> log;

   private:
    friend class FakePair;
    /// Counts the call, plays the fault, and carries the call out (`act`) where it gets that far:
    /// at once, or when a mute monitor speaks again.
    Result<void> enter(
        const std::string& what, const std::function<void()>& act = [] {});
    void count_call();
    Result<void> unreachable() const;
    [[nodiscard]] bool is_source() const { return this == &pair_.source; }

    FakePair& pair_;
    World& world_;
    std::deque<Scheduled> agenda_;
    std::deque<HypervisorEvent> inbox_;
    std::vector<std::function<void()>> waiting_;  ///< commands that a mute monitor has not read
    TimePoint mute_until_{};
    bool autostart_ = true;
  };

  Fake source;
  Fake destination;

  /// Guests that execute right now: must never be two.
  [[nodiscard]] int running_guests() const {
    return (source.alive && source.state == RunState::kRunning ? 1 : 0) +
           (destination.alive && destination.state == RunState::kRunning ? 1 : 0);
  }
  /// The most that ever executed at one time.
  [[nodiscard]] int most_running() const { return most_running_; }
  [[nodiscard]] bool postcopy() const { return postcopy_; }
  /// Is anything of a disk's migration left on a side that lives?
  [[nodiscard]] bool storage_left() const {
    return (source.alive && (mirror_ != Mirror::kNone || sharing_)) ||
           (destination.alive && (serving_ || attached_));
  }
  /// A part of the guest's disk is at the source still, and the destination stands on it.
  [[nodiscard]] bool needs_source() const { return attached_ && sharing_; }
  /// The destination ran the guest although its disk was not whole, or was written to by others.
  [[nodiscard]] bool ran_on_a_torn_disk() const { return torn_; }
  void kill(Victim victim);
  void cut_link();
  void let_link_die();
  /// The world goes on without anybody asking, with connections that work again.
  void go_on_alone(Seconds time);
  void repair_connections();

 private:
  friend class Fake;
  friend class FakeQuota;
  enum class Mirror { kNone, kRunning, kFinishing, kEnded };

  void at(Fake& side, double seconds, HypervisorEvent event, std::function<void()> effect);
  void play_fault(Fake& called);
  void advance();
  [[nodiscard]] TimePoint next_due() const;
  void count_running();
  [[nodiscard]] double now() const { return (world_.clock.now() - start_).count(); }
  void plan_precopy();
  void plan_passes();
  void plan_guest();
  void plan_postcopy();
  void switch_over(double when, MigrationPhase then);
  void go_over(double when, MigrationPhase then);
  void complete();
  void take_guest();
  void do_cancel();
  [[nodiscard]] bool link_carries() const;
  void go_on_by_postcopy();
  void move_mirror();
  HypervisorEvent event(HypervisorEvent::Kind kind, std::string name);

  World& world_;
  TimePoint start_{};
  bool postcopy_ = false;
  bool link_dead_ = false;
  bool link_cut_ = false;
  std::optional<TimePoint> link_back_at_;
  bool awaits_recovery_ = false;  ///< the destination listens once more
  bool stop_is_the_migrations_ = false;
  int most_running_ = 1;
  MigrationPhase after_switchover_ = MigrationPhase::kNone;

  Mirror mirror_ = Mirror::kNone;
  std::string mirror_error_;
  TimePoint mirror_start_{};
  TimePoint finish_start_{};
  bool with_storage_ = false;
  bool serving_ = false;
  bool whole_ = false;
  bool torn_ = false;

  bool with_share_ = false;
  bool sharing_ = false;   ///< the source, its disk
  bool attached_ = false;  ///< the destination's disk stands on it
  std::optional<TimePoint> fetching_since_;
};

/// QEMU's defaults, as both sides have them.
MigrationParameters usual_parameters();

}  // namespace godwit::pair
