#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/dirty_meter.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::pair {

/// A QEMU whose guest dirties memory by a known curve, on a simulated clock, as it does in a
/// migration into a sink: passes, slices of 100 ms, syncs, the threshold; and counts, without one.
/// Faults can be made at any call.
class FakeDirtyVm : public Hypervisor, public DirtyMeter {
 public:
  static constexpr std::int64_t kPage = 4096;
  static constexpr std::int64_t kRamPages = 65536;  ///< 256 MiB

  FakeDirtyVm() {
    about.state = RunState::kRunning;
    about.accelerator = "kvm";
    about.version = "10.0.2";
    about.version_major = 10;
    about.can = {Capability::kEvents, Capability::kPauseBeforeSwitchover, Capability::kReturnPath,
                 Capability::kSwitchoverAck};
    set.max_bandwidth = 128_MB_per_s;
    set.downtime_limit = Seconds(0.3);
    set.avail_switchover_bandwidth = BytesPerSecond(0);
  }

  // --- how it behaves ---
  VmDescription about;
  std::function<Bytes(Seconds)> curve = [](Seconds) { return Bytes(0); };
  double bytes_per_page = kPage + 8;
  int lose_answer_of_call = -1;  ///< carried out, but no answer comes
  int die_at_call = -1;
  int silent_from_call = -1;  ///< no answers any more; nothing is carried out
  int ignored_cancels = 0;
  bool stays_stopped = false;  ///< does not let the guest run on after a cancel
  std::optional<std::string> refuse_migrate;
  std::optional<Seconds> fails_after;      ///< by itself
  std::optional<Seconds> paused_after;     ///< by somebody else
  std::function<void(int)> before_call{};  ///< the call's number
  bool can_count = true;
  DirtySource counts_by = DirtySource::kDirtyBitmap;
  std::optional<std::string> refuse_count;
  Seconds counts_longer{};  ///< than it was asked to

  // --- what became of it ---
  ManualClock clock;
  bool alive = true;
  CapabilitySet on;
  MigrationParameters set;
  MigrationStatus status;
  int calls = 0;
  int migrations = 0;
  int stops = 0;                 ///< how often the guest stood still
  std::vector<Seconds> counted;  ///< windows that were begun

  bool known_ended() override { return !alive; }
  Result<VmDescription> describe() override;
  Result<RamLayout> ram_layout() override { return RamLayout{}; }
  Result<RunState> run_state() override;
  Result<MigrationStatus> migration_status() override;
  Result<CapabilitySet> capabilities() override;
  Result<void> set_capabilities(const CapabilitySet& add, const CapabilitySet& drop) override;
  Result<MigrationParameters> parameters() override;
  Result<void> set_parameters(const MigrationParameters& p) override;
  Result<void> listen(const std::string&) override { return {}; }
  Result<void> migrate(const std::string&) override { return {}; }
  Result<void> migrate_to_sink() override;
  Result<void> start_postcopy() override { return {}; }
  Result<void> cancel() override;
  Result<void> pause() override { return {}; }
  Result<void> resume() override;
  Result<void> quit() override { return {}; }
  Result<std::optional<HypervisorEvent>> next_event(TimePoint deadline) override;
  DirtyMeter* dirty_meter() override { return can_count ? this : nullptr; }
  Result<void> begin_count(Seconds window) override;
  Result<std::optional<DirtyCount>> dirty_count() override;

 private:
  /// Counts a call and plays the faults. `act` is what the call does.
  Result<void> enter(const std::function<void()>& act = [] {});
  [[nodiscard]] bool under_way() const;
  void live_until(TimePoint deadline);  ///< a millisecond at a time
  void live();
  void send_slice();
  void sync();
  void say(HypervisorEvent::Kind kind);
  void become(MigrationPhase phase);

  std::deque<HypervisorEvent> events_;
  TimePoint start_{};
  TimePoint last_sync_{};
  TimePoint slice_{};
  std::optional<TimePoint> cancelled_;
  TimePoint count_begun_{};
  double sent_in_slice_ = 0;
  std::int64_t left_ = 0;  ///< pages of the pass
};

}  // namespace godwit::pair
