#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::control {

/// Two hypervisors on a simulated clock that play a pre-copy or post-copy migration, and in which
/// either side can be killed at any call: a fake made only so that faults can be made on purpose.
class FakePair {
 public:
  enum class Victim { kNone, kSource, kDestination };

  struct World {
    ManualClock clock;
    int calls = 0;          ///< port calls so far, over both sides
    int kill_at_call = -1;  ///< the victim dies just before this call
    Victim victim = Victim::kNone;
    bool converges = true;
    bool destination_waits = false;  ///< started with -S: takes the guest, does not run it
    bool destination_fails = false;  ///< gets all bytes and ends instead of running the guest
    bool link_stalls = false;        ///< nothing is sent any more after the first round
    double mirror_seconds = 2;       ///< until the disk's mirror is ready
    std::optional<std::string> mirror_error;  ///< after the first second
    bool mirror_ends_badly = false;           ///< the last part cannot be written
    bool mirror_hangs = false;                ///< in its last part
    bool cancelled_stays_stopped =
        false;  ///< as QEMU 7.2 does with post-copy before its switchover
    std::optional<std::string> refuse_serve;
    std::optional<std::string> refuse_mirror;
    std::optional<std::string> refuse_finish;
    std::optional<std::string> refuse_continue;
    std::optional<std::string> refuse_migrate;
    std::optional<std::string> refuse_listen;
  };

  explicit FakePair(World& world)
      : source(*this, world), destination(*this, world), world_(world) {}

  struct Scheduled {
    Seconds when;  ///< after the migration's start
    HypervisorEvent event;
    std::function<void()> effect;
  };

  class Fake : public Hypervisor {
   public:
    Fake(FakePair& pair, World& world) : pair_(pair), world_(world) {}

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
    Result<std::optional<HypervisorEvent>> next_event(TimePoint deadline) override;

    bool alive = true;
    RunState state = RunState::kRunning;
    MigrationStatus status;
    CapabilitySet on;
    MigrationParameters set;
    bool listening = false;
    std::vector<std::string> log;

   private:
    friend class FakePair;
    Result<void> enter(const std::string& what);  ///< counts the call, plays the fault

    FakePair& pair_;
    World& world_;
    std::deque<Scheduled> agenda_;
  };

  Fake source;
  Fake destination;

  /// Guests that execute right now: must never be two.
  [[nodiscard]] int running_guests() const {
    return (source.alive && source.state == RunState::kRunning ? 1 : 0) +
           (destination.alive && destination.state == RunState::kRunning ? 1 : 0);
  }
  [[nodiscard]] bool postcopy() const { return postcopy_; }
  /// Is anything of a disk's migration left on a side that lives?
  [[nodiscard]] bool storage_left() const {
    return (source.alive && mirror_ != Mirror::kNone) || (destination.alive && serving_);
  }
  /// The destination ran the guest although its disk was not whole, or was written to by others.
  [[nodiscard]] bool ran_on_a_torn_disk() const { return torn_; }
  void kill(Victim victim);

 private:
  friend class Fake;
  void at(Fake& side, double seconds, HypervisorEvent event, std::function<void()> effect);
  void plan_precopy();
  void plan_postcopy();
  enum class Mirror { kNone, kRunning, kFinishing, kEnded };

  void switch_over(double when, MigrationPhase then);
  void go_over(double when, MigrationPhase then);
  void take_guest();
  void break_stream();
  void move_mirror();
  HypervisorEvent event(HypervisorEvent::Kind kind, std::string name);

  World& world_;
  TimePoint start_{};
  bool postcopy_ = false;
  MigrationPhase after_switchover_ = MigrationPhase::kNone;

  Mirror mirror_ = Mirror::kNone;
  std::string mirror_error_;
  TimePoint mirror_start_{};
  TimePoint finish_start_{};
  bool with_storage_ = false;
  bool serving_ = false;
  bool whole_ = false;
  bool torn_ = false;
};

}  // namespace godwit::control
