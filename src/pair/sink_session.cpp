#include "godwit/pair/sink_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/control/journal_step.h"
#include "godwit/control/tcg_rule.h"
#include "godwit/steer/stage.h"
#include "patience.h"
#include "settings_lease.h"
#include "watched_side.h"

namespace godwit::pair {
namespace {

constexpr Seconds kSinkTick{0.01};
/// QEMU knows no threshold for a switchover before its first slice of 100 ms is over, and takes
/// "nothing left" for "done" until then. A first pass must not end by then: so it creeps at first.
constexpr BytesPerSecond kCreep{100e3};
/// The least limit, and a threshold of five pages: a limit of 0 would skip the exact sync.
constexpr Seconds kDowntimeLimit{0.001};
constexpr BytesPerSecond kSwitchoverBandwidth{20e6};
constexpr Seconds kCancelAgain{1};
/// A guest that dirties next to nothing makes QEMU sync thousands of times a second until it is
/// slowed down; so what waits is taken at once, but not for ever.
constexpr int kMostEventsAtOnce = 1000;

CapabilitySet other_techniques() {
  return {Capability::kAutoConverge, Capability::kXbzrle,      Capability::kCompress,
          Capability::kMultifd,      Capability::kPostcopyRam, Capability::kPostcopyPreempt};
}

Result<void> check(const VmDescription& vm, const MigrationStatus& status) {
  if (status.phase != MigrationPhase::kNone && !is_final(status.phase)) {
    return fail(ErrorCode::kBusy,
                fmt::format("the VM is already migrating (phase {})", to_string(status.phase)),
                "wait for that migration to end, or cancel it with the tool that started it");
  }
  if (vm.state != RunState::kRunning) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the VM is not running (state {})", to_string(vm.state)),
                "only a running guest dirties memory: let it run (QMP: cont)");
  }
  GODWIT_CHECK_OK(control::refuse_unsafe(vm));
  for (const Capability needed : {Capability::kEvents, Capability::kPauseBeforeSwitchover}) {
    if (vm.can.contains(needed)) continue;
    return fail(ErrorCode::kUnsupported,
                fmt::format("QEMU {} lacks the migration capability {}, without which a rehearsal "
                            "is not safe",
                            vm.version, to_string(needed)),
                {"profile the VM without ", Setting::kRehearse});
  }
  return {};
}

class SinkSession final : public MigrationSession {
 public:
  SinkSession(Clock& clock, Hypervisor& source, End end, Journal* journal)
      : clock_(clock),
        source_(source),
        end_(std::move(end)),
        journal_(journal),
        side_(clock, source),
        settings_(source) {}

  Result<void> prepare(const MigrationPlan& plan) override;
  Result<void> start() override;
  std::vector<PassSync> watch(TimePoint deadline) override;
  [[nodiscard]] const SessionView& view() const override { return seen_; }
  [[nodiscard]] Liveness liveness() override {
    return {side_.ended(), side_.connected(), side_.out_of_reach(), side_.silent_for()};
  }
  [[nodiscard]] bool exhausted() override {
    return seen_.gave_up_at && clock_.now() - *seen_.gave_up_at > kCancelPatience;
  }
  Result<void> amend(const Order& order) override;
  bool cancel(GiveUp why, const std::string& reason) override;
  void settle(MigrationOutcome& outcome, const std::stop_token& leave) override;
  [[nodiscard]] std::optional<RunState> run_state(Side side) override {
    return side == Side::kSource ? side_.run_state() : std::nullopt;
  }
  void release(MigrationOutcome& outcome) override;

 private:
  Result<void> borrow(const VmDescription& vm);
  Result<void> launch();
  bool take_event(TimePoint deadline);
  void take_stop(std::int64_t wall_us);
  void take_resume(std::int64_t wall_us);
  void poll();
  void order_cancel();
  void await_running();
  [[nodiscard]] bool gone() { return side_.ended() || side_.out_of_reach(); }
  [[nodiscard]] bool over() { return gone() || is_final(seen_.status.phase); }
  [[nodiscard]] OutcomeStatus status_of_end() const;
  [[nodiscard]] std::string reason_of_end();
  Result<void> note(std::string_view step);

  Clock& clock_;
  Hypervisor& source_;
  End end_;
  Journal* journal_;
  WatchedSide side_;
  SettingsLease settings_;
  SessionView seen_;
  GiveUp why_ = GiveUp::kNone;
  std::string reason_;
  std::optional<HypervisorEvent> last_pass_;  ///< not yet told
  std::optional<std::int64_t> stopped_us_;
  Seconds longest_stop_{};
  TimePoint next_cancel_{};
  std::optional<RunState> state_;  ///< at the end
  bool noted_ = false;
};

// --- the way there ---

Result<void> SinkSession::prepare(const MigrationPlan& plan) {
  (void)plan;  // a rehearsal is always the same
  GODWIT_TRY(const VmDescription vm, source_.describe());
  GODWIT_TRY(const MigrationStatus status, source_.migration_status());
  GODWIT_CHECK_OK(check(vm, status));
  return borrow(vm);
}

Result<void> SinkSession::borrow(const VmDescription& vm) {
  GODWIT_TRY(const MigrationParameters before, source_.parameters());
  control::Settings settings;
  settings.on = {Capability::kEvents, Capability::kPauseBeforeSwitchover};
  settings.off = other_techniques();
  if (vm.can.contains(Capability::kSwitchoverAck) && vm.can.contains(Capability::kReturnPath)) {
    // The sink never says that it is ready, so QEMU never even stops the guest.
    settings.on.insert({Capability::kSwitchoverAck, Capability::kReturnPath});
  }
  settings.parameters.max_bandwidth = kCreep;
  settings.parameters.downtime_limit = kDowntimeLimit;
  if (before.avail_switchover_bandwidth) {
    settings.parameters.avail_switchover_bandwidth = kSwitchoverBandwidth;
  }
  GODWIT_CHECK_OK(settings_.plan(settings));
  MigrationParameters steered;
  steered.max_bandwidth = kCreep;
  GODWIT_CHECK_OK(settings_.widen(steered));  // it is set anew for each pass
  if (const auto written = note("rehearsing"); !written) {
    return fail(
        written.error().while_doing("nothing was started, as the journal can't be written"));
  }
  return settings_.take();
}

Result<void> SinkSession::start() {
  seen_.started = seen_.launched_at = seen_.last_answer = seen_.last_progress = clock_.now();
  seen_.started_wall_us = seen_.launched_wall_us = clock_.wall_us();
  side_.forgive_silence();
  GODWIT_CHECK_OK(launch());
  seen_.launched = true;
  return {};
}

Result<void> SinkSession::launch() {
  const auto accepted = source_.migrate_to_sink();
  if (accepted) return {};
  const ErrorCode why = accepted.error().code;
  if (why == ErrorCode::kTimeout || why == ErrorCode::kProtocol) {
    // No answer is no refusal: a stuck QEMU may still carry the command out, so it is watched.
    log::warning("migrate: {}", accepted.error().message);
    return {};
  }
  if (why == ErrorCode::kPeerGone) return fail(accepted.error());
  return fail(ErrorCode::kUnsupported,
              fmt::format("this VM cannot be rehearsed: {}", accepted.error().message),
              {"profile it without ", Setting::kRehearse, "; it runs on as before"});
}

// --- while it runs ---

std::vector<PassSync> SinkSession::watch(TimePoint deadline) {
  bool more = take_event(deadline);
  for (int i = 0; more && i < kMostEventsAtOnce; ++i) more = take_event(clock_.now());
  poll();
  if (seen_.cancel_ordered && !over() && clock_.now() >= next_cancel_) order_cancel();
  const auto last = std::exchange(last_pass_, std::nullopt);
  if (!last) return {};
  // Events of passes that have ended meanwhile are of no use: what was sent in them is not known.
  if (seen_.status.dirty_sync_count.value_or(0) < last->pass) {
    last_pass_ = last;
    return {};
  }
  return {{last->pass, last->wall_us, seen_.status}};
}

/// False when none came by the deadline.
bool SinkSession::take_event(TimePoint deadline) {
  const auto event = side_.next_event(deadline);
  if (!event) return false;
  if (event->kind == HypervisorEvent::Kind::kPass) last_pass_ = *event;
  if (event->kind == HypervisorEvent::Kind::kStop) take_stop(event->wall_us);
  if (event->kind == HypervisorEvent::Kind::kResume) take_resume(event->wall_us);
  return true;
}

void SinkSession::take_stop(std::int64_t wall_us) {
  stopped_us_ = wall_us;
  if (side_.run_state() == RunState::kPaused) seen_.paused_as = RunState::kPaused;
}

void SinkSession::take_resume(std::int64_t wall_us) {
  if (!stopped_us_) return;
  const Seconds stopped(static_cast<double>(wall_us - *stopped_us_) * 1e-6);
  longest_stop_ = std::max(longest_stop_, stopped);
  stopped_us_.reset();
}

/// A sink reads whatever is sent: standing still is the law's doing.
void SinkSession::poll() {
  auto status = side_.migration_status();
  if (!status) return;
  seen_.last_answer = seen_.last_progress = clock_.now();
  seen_.status = std::move(*status);
}

Result<void> SinkSession::amend(const Order& order) {
  if (order.cpu_quota) return fail(ErrorCode::kUnsupported, "a rehearsal slows no guest down");
  MigrationParameters parameters;
  parameters.max_bandwidth = order.max_bandwidth;
  return settings_.change(parameters);
}

/// Nobody else can have the guest, as the stream goes nowhere.
bool SinkSession::cancel(GiveUp why, const std::string& reason) {
  why_ = why;
  reason_ = reason;
  seen_.gave_up_at = clock_.now();
  seen_.cancel_ordered = true;
  order_cancel();
  return true;
}

void SinkSession::order_cancel() {
  next_cancel_ = clock_.now() + kCancelAgain;
  if (const auto done = side_.order(&Hypervisor::cancel); !done) {
    log::debug("migrate_cancel: {}", done.error().message);
  }
}

// --- the end ---

/// QEMU lets the guest run a moment after it says that the migration is over. Where it does not,
/// the guest is told to: nobody else has it, as the stream went nowhere.
void SinkSession::await_running() {
  const TimePoint give_up = clock_.now() + kRunPatience;
  state_ = side_.run_state();
  while (!gone() && over() && (!state_ || state_ == RunState::kFinishMigrate) &&
         clock_.now() < give_up) {
    (void)take_event(clock_.now() + kSinkTick);
    state_ = side_.run_state();
  }
  if (!over() || !steer::stopped_by_migration(state_)) return;
  if (const auto resumed = side_.order(&Hypervisor::resume); !resumed) {
    log::warning("cont failed: {}", resumed.error().message);
  }
  state_ = side_.run_state();
}

OutcomeStatus SinkSession::status_of_end() const {
  if (why_ == GiveUp::kDeadline) return OutcomeStatus::kDidNotConverge;
  return why_ == GiveUp::kUser || why_ == GiveUp::kLaw ? OutcomeStatus::kCancelled
                                                       : OutcomeStatus::kFailed;
}

std::string SinkSession::reason_of_end() {
  if (side_.ended()) return "the VM's QEMU ended during the rehearsal, its guest with it";
  if (!over()) {
    return fmt::format("the rehearsal {} (phase {}, the VM is {}); its settings are not given back",
                       side_.connected() ? "could not be cancelled" : "was lost sight of",
                       to_string(seen_.status.phase), state_ ? to_string(*state_) : "silent");
  }
  if (why_ != GiveUp::kNone) return reason_;
  return fmt::format("QEMU gave up: {}",
                     seen_.status.error.empty() ? "no reason" : seen_.status.error);
}

void SinkSession::settle(MigrationOutcome& outcome, const std::stop_token&) {
  if (!seen_.gave_up_at && !over()) (void)cancel(GiveUp::kDeadLink, "the monitor did not answer");
  while (!over() && !exhausted()) (void)watch(clock_.now() + kSinkTick);
  await_running();
  while (take_event(clock_.now())) {
  }
  if (stopped_us_) take_resume(clock_.wall_us());
  outcome.status = status_of_end();
  outcome.reason = reason_of_end();
  outcome.vm_runs_on = state_ == RunState::kRunning || state_ == RunState::kPaused
                           ? VmRunsOn::kSource
                           : VmRunsOn::kUnknown;
  outcome.downtime.events = longest_stop_;
}

/// Until it is over QEMU takes no capabilities, and with its speed back it would go on.
void SinkSession::release(MigrationOutcome& outcome) {
  const bool over_or_never_begun = !seen_.launched || is_final(seen_.status.phase);
  const bool given_back =
      side_.ended() || !settings_.lease() ||
      (over_or_never_begun && side_.reach(kGiveBackPatience) && settings_.give_back());
  if (!given_back) settings_.leave();
  outcome.given_back = given_back;
  // What is not done stays in the journal: a successor has to look at it.
  (void)note(given_back ? "done" : "left");
}

/// A "done" speaks only for what this run began: an earlier one may have left an entry.
Result<void> SinkSession::note(std::string_view step) {
  if (step == "done" && !noted_) return {};
  noted_ = true;
  JournalEntry entry;
  entry.source = end_.name;
  entry.destination = kRehearsalName;
  entry.source_pid = end_.pid;
  entry.source_started = end_.started;
  entry.source_identity = end_.identity;
  entry.step = step;
  entry.source_lease = settings_.lease();
  return control::record_step(journal_, clock_, std::move(entry));
}

}  // namespace

std::unique_ptr<MigrationSession> make_sink_session(Clock& clock, Hypervisor& source, End end,
                                                    Journal* journal) {
  return std::make_unique<SinkSession>(clock, source, std::move(end), journal);
}

Result<void> may_rehearse(Hypervisor& source) {
  GODWIT_TRY(const VmDescription vm, source.describe());
  GODWIT_TRY(const MigrationStatus status, source.migration_status());
  return check(vm, status);
}

}  // namespace godwit::pair
