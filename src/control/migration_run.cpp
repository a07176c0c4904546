#include "godwit/control/migration_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/control/rounds.h"
#include "godwit/control/settings.h"
#include "guest_exam.h"
#include "journal_step.h"
#include "outside_view.h"
#include "run_record.h"
#include "settings_lease.h"
#include "settlement.h"
#include "stage.h"
#include "storage_mirror.h"
#include "vcpu_watch.h"
#include "watched_side.h"

namespace godwit::control {
namespace {

constexpr std::string_view kAtSource = "source";
/// Events wake the loop at once; this bounds the age of what the progress bar shows.
constexpr Seconds kTick{0.05};
/// QEMU aborts a stream by closing its socket; what takes longer than this is stuck in the kernel.
constexpr Seconds kCancelPatience{30};
/// In a switchover QEMU is mute, and each question in vain holds everything up: events tell.
constexpr Seconds kAskSwitchoverEvery{30};
constexpr Seconds kAskCancellingEvery{1};
constexpr Seconds kOrderAgain{1};
/// A guest in post-copy feels it: said at once, long before anything is given up.
constexpr Seconds kSayStandstill{3};
/// A destination that does not answer may be taking the guest over: cancelling waits for it.
constexpr Seconds kHoldPatience{30};
/// Nothing that QEMU does goes on for so long without a sign: a switchover whose destination hangs.
constexpr Seconds kLongestStage{3600};
/// What a killed tunnel takes to come back: settings that only that side's monitor can give back.
constexpr Seconds kGiveBackPatience{10};

class MigrationRun {
 public:
  MigrationRun(Clock& clock, const Parties& parties, const MigrationPlan& plan,
               const RunOptions& options, std::stop_token stop)
      : clock_(clock),
        parties_(parties),
        plan_(plan),
        options_(options),
        stop_request_(std::move(stop)),
        source_(clock, parties.source),
        destination_(clock, parties.destination),
        source_settings_(parties.source),
        destination_settings_(parties.destination),
        outside_(parties.probe, parties.wire),
        exam_(clock, parties.check, parties.probe) {
    if (plan.storage) storage_.emplace(clock, parties.source, parties.destination);
    record_.leave = options.leave;
  }

  Result<MigrationOutcome> run();

 private:
  // --- the way there ---
  Result<void> begin();
  Result<void> prepare();
  Result<void> look_at_guest();
  Result<void> borrow_settings();
  void start_clocks();
  Result<void> begin_storage();
  Result<void> launch();
  void launch_after_storage();

  // --- while it runs ---
  void watch();
  [[nodiscard]] bool ended();
  [[nodiscard]] bool left() const;
  bool take_source_event(TimePoint deadline);
  void take_events();
  void take_phase(MigrationPhase phase);
  void take_stop();
  void judge_stop(std::optional<RunState> state, std::int64_t when);
  void take_guest_event(const HypervisorEvent& event, std::string_view side);
  void drain_destination();
  void poll();
  void mind_storage();
  void look_at_storage();
  void go_on_again();
  void mind_link();
  void pause_postcopy();
  [[nodiscard]] bool postcopy_is_due() const;
  void enter_postcopy_when_due();
  void abort_when_due();
  void give_up(Abort why, std::string reason);
  enum class Hold { kHeld, kNotYet, kTooLate, kCannotTell };
  Hold hold_destination();
  bool still_runs_here();
  [[nodiscard]] std::string_view cancelling() const;
  [[nodiscard]] Stage stage() const { return stage_of(record_.seen); }
  [[nodiscard]] Seconds standstill() const { return last_poll_ - last_progress_; }
  [[nodiscard]] std::string dead_link_reason() const;

  // --- what is shown ---
  void report();
  [[nodiscard]] std::optional<Seconds> eta() const;
  [[nodiscard]] std::optional<Seconds> left_by_rate() const;

  // --- the end ---
  void examine();
  void look_from_outside();
  void let_destination_start_again();
  void give_back();
  void leave_settings();
  void measure();
  void measure_times();
  [[nodiscard]] std::string left_step() const;
  Result<void> note(std::string_view step);

  Clock& clock_;
  const Parties& parties_;
  const MigrationPlan& plan_;
  const RunOptions& options_;
  std::stop_token stop_request_;
  WatchedSide source_;
  WatchedSide destination_;
  SettingsLease source_settings_;
  SettingsLease destination_settings_;
  OutsideView outside_;
  GuestExam exam_;
  RoundTracker rounds_;
  RunRecord record_;
  MigrationOutcome outcome_;
  std::optional<StorageMirror> storage_;  ///< where disks move, too

  TimePoint started_{};
  TimePoint launched_{};  ///< `migrate` was given: without disks, at the start
  Bytes ram_;             ///< asked for where disks come first, for the ETA
  TimePoint last_progress_{};
  TimePoint last_poll_{};  ///< that was answered
  TimePoint next_question_{};
  TimePoint next_order_{};
  TimePoint abort_time_{};
  std::optional<TimePoint> holding_since_;
  std::optional<HypervisorEvent> stop_event_;  ///< STOP at the source, not yet known whose
  bool noted_ = false;
  bool postcopy_refused_ = false;
  bool standstill_said_ = false;
  bool shut_down_there_ = false;
  std::int64_t passes_ = 0;
};

Result<MigrationOutcome> MigrationRun::run() {
  if (auto begun = begin(); !begun) {
    outcome_.vm_runs_on = VmRunsOn::kSource;
    give_back();
    return fail(std::move(begun).error());
  }
  watch();
  if (record_.seen.held_back) (void)storage_->give_back();
  Settlement settlement(clock_, parties_, plan_, source_, destination_, record_,
                        [this] { take_events(); });
  if (left()) {
    settlement.leave(outcome_);
    leave_settings();
    measure();
    return outcome_;
  }
  settlement.settle(outcome_);
  examine();
  give_back();
  measure();
  return outcome_;
}

// --- the way there ---

Result<void> MigrationRun::begin() {
  GODWIT_CHECK_OK(prepare());
  start_clocks();
  return storage_ ? begin_storage() : launch();
}

/// Everything that can fail without touching the guest.
Result<void> MigrationRun::prepare() {
  GODWIT_CHECK_OK(look_at_guest());
  GODWIT_CHECK_OK(borrow_settings());
  if (!record_.paused_as) {
    GODWIT_CHECK_OK(outside_.start_probe());
    exam_.before();
  }
  if (stop_request_.stop_requested()) {
    return fail(ErrorCode::kInterrupted, "interrupted before the migration began",
                "the VM was not touched; run the command again");
  }
  GODWIT_CHECK_OK(parties_.destination.listen(parties_.listen.value_or(parties_.stream)));
  outside_.mark_wire();
  return {};
}

/// A guest that stands still now will stand still at the destination.
Result<void> MigrationRun::look_at_guest() {
  GODWIT_TRY(const RunState state, parties_.source.run_state());
  if (state != RunState::kRunning) record_.paused_as = state;
  return {};
}

/// What is borrowed is written down first: without that, nobody could give it back after a kill.
Result<void> MigrationRun::borrow_settings() {
  const Settings settings = settings_for(plan_);
  GODWIT_CHECK_OK(source_settings_.plan(settings));
  GODWIT_CHECK_OK(destination_settings_.plan(settings));
  if (const auto written = note("preparing"); !written) {
    return fail(
        written.error().while_doing("nothing was started, as the journal can't be written"));
  }
  GODWIT_CHECK_OK(source_settings_.take());
  return destination_settings_.take();
}

void MigrationRun::start_clocks() {
  outcome_.technique = plan_.technique;
  outcome_.requested = options_.requested;
  outcome_.parameters = plan_.parameters;
  outcome_.started_wall_us = clock_.wall_us();
  started_ = last_progress_ = last_poll_ = clock_.now();
  source_.forgive_silence();
  destination_.forgive_silence();
  record_.seen.held_back = storage_.has_value();
}

Result<void> MigrationRun::begin_storage() {
  if (const auto vm = parties_.source.describe()) ram_ = vm->ram;
  (void)note("mirroring");
  return storage_->begin(parties_.listen.value_or(parties_.stream), parties_.stream,
                         plan_.moved_disks, plan_.parameters.max_bandwidth);
}

Result<void> MigrationRun::launch() {
  launched_ = clock_.now();
  record_.seen.launched = true;
  rounds_.begin(clock_.wall_us());
  (void)note("migrating");
  const auto accepted = parties_.source.migrate(parties_.stream);
  if (accepted) return {};
  const ErrorCode why = accepted.error().code;
  const bool certainly_not_started =
      why == ErrorCode::kRefused || why == ErrorCode::kUnsupported || why == ErrorCode::kBadInput;
  if (certainly_not_started) {
    record_.seen.launched = false;
    return fail(accepted.error());
  }
  // No answer is no refusal: a stuck QEMU may still carry the command out, so it is watched.
  log::warning("migrate: {}", accepted.error().message);
  return {};
}

void MigrationRun::launch_after_storage() {
  last_progress_ = last_poll_ = clock_.now();
  if (const auto accepted = launch(); !accepted) give_up(Abort::kRefused, accepted.error().message);
}

// --- while it runs ---

void MigrationRun::watch() {
  while (!ended() && !left()) {
    if (take_source_event(clock_.now() + kTick)) next_question_ = clock_.now();
    take_stop();
    drain_destination();
    poll();
    mind_storage();
    enter_postcopy_when_due();
    abort_when_due();
    mind_link();
    report();
  }
}

/// Nothing more is to be learnt by watching.
bool MigrationRun::ended() {
  if (source_.ended() || source_.out_of_reach()) return true;
  const Stage now = stage();
  if (clock_.now() - last_progress_ > kLongestStage) return true;
  if (source_.silent_for() > rules_of(now).longest_silence) return true;
  if (!record_.seen.launched) return record_.abort != Abort::kNone;
  if (now == Stage::kOver || now == Stage::kPostcopyBroken) return true;
  const bool gone_over = record_.seen.resume_us && !record_.seen.postcopy_ordered;
  if (gone_over && !source_.connected()) return true;
  const bool answers = source_.connected() && source_.silent_for() < kCancelPatience;
  return now == Stage::kCancelling && answers && clock_.now() - abort_time_ > kCancelPatience;
}

/// Somebody has asked to wait no longer, and nothing can be cancelled. A cancel that is under way
/// ends in a moment, unless the source has fallen silent.
bool MigrationRun::left() const {
  const Stage now = stage();
  if (!record_.leave.stop_requested() || rules_of(now).may_cancel || now == Stage::kOver) {
    return false;
  }
  return now != Stage::kCancelling || source_.silent_for() >= kSayStandstill;
}

/// False when none came by the deadline.
bool MigrationRun::take_source_event(TimePoint deadline) {
  using Kind = HypervisorEvent::Kind;
  const auto event = source_.next_event(deadline);
  if (!event) return false;
  switch (event->kind) {
    case Kind::kPass:
      next_question_ = clock_.now();
      poll();
      passes_ = event->pass;
      rounds_.on_pass(passes_, event->wall_us, record_.seen.status);
      break;
    case Kind::kMigration:
      take_phase(event->phase);
      break;
    case Kind::kStop:
      stop_event_ = *event;
      break;
    case Kind::kResume:  // QEMU took the guest back, or a person let it go on
      stop_event_.reset();
      record_.seen.stop_us.reset();
      record_.paused_as.reset();
      break;
    default:
      take_guest_event(*event, kAtSource);
      break;
  }
  return true;
}

/// Those phases in which QEMU may not answer a question are taken from the event.
void MigrationRun::take_phase(MigrationPhase phase) {
  using Phase = MigrationPhase;
  if (!record_.seen.launched) return;
  if (phase == Phase::kDevice || phase == Phase::kPreSwitchover ||
      phase == Phase::kPostcopyActive) {
    record_.seen.status.phase = phase;
    last_progress_ = last_poll_ = clock_.now();
  }
}

/// Has the migration begun its switchover, by its phase?
bool switches(MigrationPhase phase) {
  using Phase = MigrationPhase;
  return phase == Phase::kDevice || phase == Phase::kPreSwitchover ||
         phase == Phase::kPostcopyActive || phase == Phase::kCompleted;
}

/// Whose STOP is it? The migration's own is followed by its change of phase; a person's `stop`, or
/// a disk that fails, leaves a monitor that answers.
void MigrationRun::take_stop() {
  if (stop_event_ && !switches(record_.seen.status.phase)) {
    (void)take_source_event(clock_.now() + kTick);
  }
  if (!stop_event_) return;
  const std::optional<RunState> state = switches(record_.seen.status.phase)
                                            ? std::optional(RunState::kFinishMigrate)
                                            : source_.run_state();
  const std::int64_t when = stop_event_->wall_us;
  stop_event_.reset();
  judge_stop(state, when);
}

void MigrationRun::judge_stop(std::optional<RunState> state, std::int64_t when) {
  record_.seen.stop_us.reset();
  if (state == RunState::kRunning) return;  // it goes on already
  if (!state || state == RunState::kFinishMigrate || state == RunState::kPostmigrate) {
    record_.seen.stop_us = when;
    return;
  }
  record_.paused_as = state;
  outcome_.remarks.push_back(
      state == RunState::kPaused
          ? "somebody paused the guest at the source during the migration"
          : fmt::format("the guest stopped at the source during the migration ({})",
                        to_string(*state)));
}

void MigrationRun::take_guest_event(const HypervisorEvent& event, std::string_view side) {
  using Kind = HypervisorEvent::Kind;
  if (event.kind == Kind::kShutdown && event.by_guest) {
    (side == kAtSource ? record_.shut_down : shut_down_there_) = true;
    outcome_.remarks.push_back(fmt::format("the guest shut itself down at the {}", side));
  } else if (event.kind == Kind::kReset && event.by_guest) {
    outcome_.remarks.push_back(fmt::format("the guest reset itself at the {}", side));
  } else if (event.kind == Kind::kPanicked) {
    outcome_.remarks.push_back(fmt::format("the guest's kernel panicked at the {}", side));
  } else if (event.kind == Kind::kIoError) {
    outcome_.remarks.push_back(fmt::format("a disk of the guest failed at the {}", side));
  }
}

void MigrationRun::drain_destination() {
  while (const auto event = destination_.next_event(clock_.now())) {
    if (event->kind != HypervisorEvent::Kind::kResume) {
      take_guest_event(*event, "destination");
    } else if (!record_.seen.resume_us) {
      record_.seen.resume_us = event->wall_us;
      next_question_ = clock_.now();
    }
  }
}

/// What has arrived: STOP and the last pass often come together with the end.
void MigrationRun::take_events() {
  while (take_source_event(clock_.now())) take_stop();
  drain_destination();
}

void MigrationRun::poll() {
  if (!record_.seen.launched) return;  // before, it would tell of an earlier migration
  const Stage now = stage();
  if (rules_of(now).mute && clock_.now() < next_question_) return;
  auto status = source_.migration_status();
  next_question_ =
      clock_.now() + (now == Stage::kCancelling ? kAskCancellingEvery : kAskSwitchoverEvery);
  if (!status) return;
  last_poll_ = clock_.now();
  MigrationStatus& known = record_.seen.status;
  if (status->transferred != known.transferred || status->phase != known.phase) {
    last_progress_ = last_poll_;
  }
  known = std::move(*status);
  // A monitor that answers "active" may be in no switchover: the STOP was a person's after all.
  if (now == Stage::kSwitchover && known.phase == MigrationPhase::kActive && record_.seen.stop_us) {
    judge_stop(source_.run_state(), *record_.seen.stop_us);
  }
}

/// Disks first: memory changes faster, so what is copied last should be that.
void MigrationRun::mind_storage() {
  if (!storage_ || !source_.connected()) return;
  if (storage_->let_go()) return go_on_again();
  look_at_storage();
  if (record_.abort != Abort::kNone) return;
  if (!record_.seen.launched && storage_->ready()) launch_after_storage();
  if (record_.seen.status.phase == MigrationPhase::kPreSwitchover) storage_->hand_over();
  record_.seen.held_back = !storage_->let_go();
  next_order_ = clock_.now() + kOrderAgain;
}

/// `migrate-continue` may have been lost with the connection; QEMU refuses a second one.
void MigrationRun::go_on_again() {
  if (record_.seen.status.phase != MigrationPhase::kPreSwitchover || clock_.now() < next_order_) {
    return;
  }
  next_order_ = clock_.now() + kOrderAgain;
  (void)source_.order(&Hypervisor::continue_switchover);
  next_question_ = clock_.now();
}

void MigrationRun::look_at_storage() {
  const Bytes before = storage_->done();
  if (const auto seen = storage_->look(); !seen) {
    if (seen.error().code == ErrorCode::kPeerGone) (void)source_.run_state();  // notes the loss
    return;
  }
  source_.forgive_silence();
  last_poll_ = clock_.now();
  if (storage_->done() != before) last_progress_ = last_poll_;
}

/// A link that is dead in post-copy keeps the guest waiting: that is said within seconds, and then
/// the connection is given up, so that the guest can be recovered over another one.
void MigrationRun::mind_link() {
  if (stage() != Stage::kPostcopy) return;
  if (standstill() < kSayStandstill) {
    standstill_said_ = false;
    return;
  }
  outcome_.postcopy_standstill =
      std::max(standstill(), outcome_.postcopy_standstill.value_or(Seconds(0)));
  if (!standstill_said_) {
    standstill_said_ = true;
    log::warning("post-copy's link has carried nothing for {}: the guest waits for its memory",
                 human(kSayStandstill));
  }
  const StageRules& rules = rules_of(Stage::kPostcopy);
  if (standstill() > *rules.longest_standstill && clock_.now() >= next_order_) pause_postcopy();
}

void MigrationRun::pause_postcopy() {
  next_order_ = clock_.now() + *rules_of(Stage::kPostcopy).longest_standstill;
  (void)note("postcopy, pausing");
  // The destination waits in the kernel for what will never come: it has to be told as well.
  const auto here = source_.order(&Hypervisor::pause_postcopy);
  const auto there = destination_.order(&Hypervisor::pause_postcopy);
  for (const auto* told : {&here, &there}) {
    if (!*told) log::warning("migrate-pause: {}", told->error().message);
  }
}

bool MigrationRun::postcopy_is_due() const {
  const MigrationStatus& status = record_.seen.status;
  if (status.phase != MigrationPhase::kActive) return false;
  const double share = plan_.technique == Technique::kPostcopy
                           ? 0
                           : plan_.parameters.precopy_share.value_or(Ratio(1)).value();
  const bool first_pass_over = passes_ >= 2;
  if (share <= 0 || first_pass_over) return true;
  // Within the first pass, what is not "remaining" has been dealt with, zero pages included.
  if (share >= 1 || !status.total || !status.remaining) return false;
  return 1 - *status.remaining / *status.total >= share;
}

void MigrationRun::enter_postcopy_when_due() {
  if (!uses_postcopy(plan_.technique) || record_.seen.postcopy_ordered || postcopy_refused_) return;
  if (!rules_of(stage()).may_start_postcopy || !postcopy_is_due()) return;
  const auto ordered = source_.order(&Hypervisor::start_postcopy);
  postcopy_refused_ = !ordered && (ordered.error().code == ErrorCode::kRefused ||
                                   ordered.error().code == ErrorCode::kUnsupported);
  if (postcopy_refused_) {
    log::warning("post-copy was refused, pre-copy goes on: {}", ordered.error().message);
    return;
  }
  // Without an answer it may have begun all the same, and cancelling could then lose the guest.
  record_.seen.postcopy_ordered = true;
  (void)note("postcopy");
}

std::string MigrationRun::dead_link_reason() const {
  const MigrationStatus& status = record_.seen.status;
  const Seconds patience = *rules_of(stage()).longest_standstill;
  if (record_.seen.launched && status.transferred.value_or(Bytes()) == Bytes()) {
    return fmt::format(
        "no connection to {} came about within {}: look for a firewall, and whether "
        "the address leads to the destination's host",
        parties_.stream, human(patience));
  }
  return fmt::format("the link carried nothing for {}", human(patience));
}

void MigrationRun::abort_when_due() {
  const StageRules& rules = rules_of(stage());
  if (record_.abort != Abort::kNone) return;
  if (rules.dead_link == StageRules::DeadLink::kCancel &&
      standstill() > *rules.longest_standstill) {
    return give_up(Abort::kDeadLink, dead_link_reason());
  }
  if (!rules.may_cancel) return;
  if (stop_request_.stop_requested()) return give_up(Abort::kUser, "cancelled on request");
  if (record_.shut_down) return give_up(Abort::kGuestShutDown, "the guest shut itself down");
  if (record_.seen.held_back && !storage_->failure().empty()) {
    return give_up(Abort::kStorage, storage_->failure());
  }
  if (plan_.max_time && clock_.now() - started_ > *plan_.max_time) {
    give_up(Abort::kDeadline, fmt::format("it did not converge within {}", human(*plan_.max_time)));
  }
}

/// Cancels, once the destination can't run the guest by itself any more.
void MigrationRun::give_up(Abort why, std::string reason) {
  if (record_.seen.launched && !record_.seen.held_back) {
    const Hold hold = hold_destination();
    if (hold == Hold::kTooLate)
      record_.seen.stop_us = record_.seen.stop_us.value_or(clock_.wall_us());
    if (hold == Hold::kTooLate || hold == Hold::kNotYet) return;
    if (hold == Hold::kCannotTell && !still_runs_here()) return;
  }
  record_.abort = why;
  record_.abort_reason = std::move(reason);
  abort_time_ = clock_.now();
  if (!record_.seen.launched) {
    (void)note("giving up");
    return;  // there are only mirrors, and those end with the watching
  }
  (void)note(cancelling());
  record_.seen.cancel_ordered = true;
  if (const auto cancelled = source_.order(&Hypervisor::cancel); !cancelled) {
    log::warning("migrate_cancel failed: {}", cancelled.error().message);
  }
}

/// The journal's step. A guest that stood still at the source shall stand still at the destination.
std::string_view MigrationRun::cancelling() const {
  return record_.paused_as ? "giving up, migrating" : kToldToWait;
}

/// `migrate_cancel` may reach QEMU just when it has sent the last byte: it would take the guest
/// back while the destination lets it run as well. `stop`, given to a destination that still
/// receives, keeps it from starting the guest by itself (QEMU clears `autostart`); what it says of
/// its state after that is the last word on whether it has begun to.
MigrationRun::Hold MigrationRun::hold_destination() {
  const MigrationStatus& status = record_.seen.status;
  const bool nothing_sent = status.phase == MigrationPhase::kSetup ||
                            (status.transferred && *status.transferred == Bytes());
  if (record_.destination_held || destination_.ended()) return Hold::kHeld;
  if (nothing_sent) return Hold::kCannotTell;  // there is nothing to hold
  if (!holding_since_) {
    holding_since_ = clock_.now();
    (void)note(cancelling());
  }
  record_.told_to_wait = record_.told_to_wait || destination_.connected();
  if (destination_.connected() && destination_.order(&Hypervisor::pause)) {
    const auto state = destination_.run_state();
    if (state == RunState::kInmigrate) {
      record_.destination_held = true;
      return Hold::kHeld;
    }
    if (state && *state != RunState::kOther) {
      if (*state == RunState::kPaused && !record_.paused_as) {
        (void)destination_.order(&Hypervisor::resume);
      }
      return Hold::kTooLate;
    }
  }
  return clock_.now() - *holding_since_ > kHoldPatience ? Hold::kCannotTell : Hold::kNotYet;
}

/// The destination can't be asked. That the source runs its guest, by its newest words, is all
/// there is to go by.
bool MigrationRun::still_runs_here() {
  take_events();
  next_question_ = clock_.now();
  poll();
  const auto state = source_.run_state();
  const bool here = state == RunState::kRunning || (state && state == record_.paused_as);
  const StageRules& rules = rules_of(stage());
  return here && (rules.may_cancel || rules.dead_link == StageRules::DeadLink::kCancel);
}

// --- what is shown ---

/// As fast as it went until now. While disks are mirrored, memory is all still to come.
std::optional<Seconds> MigrationRun::left_by_rate() const {
  const Seconds elapsed = clock_.now() - started_;
  if (!record_.seen.launched) {
    if (storage_->done() <= Bytes(0) || elapsed <= Seconds(0)) return std::nullopt;
    return (storage_->left() + ram_) / (storage_->done() / elapsed);
  }
  const MigrationStatus& status = record_.seen.status;
  if (!status.remaining || !status.throughput || status.throughput->value() <= 0) {
    return std::nullopt;
  }
  const Bytes disks = record_.seen.held_back ? storage_->left() : Bytes(0);
  return (*status.remaining + disks) / *status.throughput;
}

std::optional<Seconds> MigrationRun::eta() const {
  const std::optional<Seconds> by_rate = left_by_rate();
  if (!options_.predicted_total) return by_rate;
  // The prediction knows of rounds to come; what is left to send is a lower bound on the truth.
  const Seconds elapsed = clock_.now() - started_;
  return std::max(*options_.predicted_total - elapsed, by_rate.value_or(Seconds(0)));
}

void MigrationRun::report() {
  if (!options_.on_progress) return;
  const MigrationStatus& status = record_.seen.status;
  Progress progress;
  progress.phase = status.phase;
  progress.elapsed = clock_.now() - started_;
  progress.round = rounds_.current();
  progress.transferred = status.transferred.value_or(Bytes());
  progress.remaining = status.remaining;
  if (record_.seen.held_back) progress.storage_left = storage_->left();
  progress.rate = status.throughput;
  progress.dirty_rate = status.dirty_rate;
  progress.throttle_percent = status.throttle_percent;
  progress.eta = eta();
  progress.point_of_no_return = !rules_of(stage()).may_cancel;
  if (standstill() >= kSayStandstill) progress.standstill = standstill();
  if (!source_.connected() || source_.silent_for() >= kSayStandstill) {
    progress.silence = source_.silent_for();
  }
  options_.on_progress(progress);
}

// --- the end ---

void MigrationRun::examine() {
  const bool there = outcome_.vm_runs_on == VmRunsOn::kDestination;
  if (!there && outcome_.vm_runs_on != VmRunsOn::kSource) {
    outcome_.guest.evidence = "not examined";
    return;
  }
  if (record_.shut_down || shut_down_there_) {
    outcome_.guest.alive = false;
    outcome_.guest.evidence = "it shut itself down";
    return;
  }
  WatchedSide& side = there ? destination_ : source_;
  if (const auto state = side.run_state(); state && *state != RunState::kRunning) {
    outcome_.guest.evidence = fmt::format("it stands still ({})", to_string(*state));
    return;
  }
  outcome_.guest = exam_.after(
      there ? Side::kDestination : Side::kSource,
      there ? record_.seen.resume_us.value_or(outcome_.started_wall_us) : clock_.wall_us());
  if (there && !outcome_.guest.alive) look_from_outside();
  if (there && outcome_.guest.alive == false && outcome_.status == OutcomeStatus::kCompleted) {
    outcome_.status = OutcomeStatus::kFailed;
    outcome_.reason = "the guest is not well on the destination: " + outcome_.guest.evidence;
  }
}

/// Nobody can look inside. What can be seen of its vCPUs, and what QEMU says of it, is enough to
/// call it dead where it plainly is, and never to call it well.
void MigrationRun::look_from_outside() {
  const std::size_t known = outcome_.remarks.size();
  const auto dead = why_dead(clock_, parties_.destination);
  take_events();
  if (dead) {
    outcome_.guest.alive = false;
    outcome_.guest.evidence = *dead;
  } else if (outcome_.remarks.size() > known) {
    outcome_.guest.alive = false;
    outcome_.guest.evidence = outcome_.remarks.back();
  }
}

/// A destination to which nothing came starts the next guest by itself again.
void MigrationRun::let_destination_start_again() {
  const auto use = parties_.destination.can_receive();
  if (!record_.told_to_wait || !use || *use == Receiving::kSpent) return;
  if (destination_.run_state() == RunState::kInmigrate) {
    (void)destination_.order(&Hypervisor::resume);
  }
}

/// Only once the migration's state is final: before, QEMU takes no capabilities, and with other
/// limits it would go on differently than it was begun.
void MigrationRun::give_back() {
  const bool over = stage() == Stage::kOver || !record_.seen.launched;
  bool all = true;
  const auto settle = [&](WatchedSide& side, SettingsLease& lease, bool may) {
    if (side.ended() || !lease.lease()) return lease.leave();  // they went with it
    const bool given = may && side.reach(kGiveBackPatience) && lease.give_back();
    if (!given) lease.leave();
    all = all && given;
  };
  if (record_.seen.held_back) {
    all = (source_.ended() || source_.reach(kGiveBackPatience)) && storage_->give_back();
  }
  settle(source_, source_settings_, over);
  const bool gone_over = record_.seen.resume_us && !record_.seen.postcopy_ordered;
  settle(destination_, destination_settings_, over || gone_over || source_.ended());
  outcome_.given_back = all;
  if (outcome_.vm_runs_on == VmRunsOn::kSource && destination_.connected()) {
    let_destination_start_again();
    if (const auto use = parties_.destination.can_receive()) {
      outcome_.destination_usable = *use != Receiving::kSpent;
      outcome_.remarks.push_back(fmt::format("the destination: {}", advice_on(*use)));
    }
  }
  if (destination_.ended()) outcome_.destination_usable = false;
  if (!all) {
    outcome_.remarks.emplace_back(
        "settings are still changed on a side that could not be asked, or whose migration is not "
        "over: godwit recover gives them back");
  }
  const bool known_place =
      outcome_.vm_runs_on == VmRunsOn::kSource || outcome_.vm_runs_on == VmRunsOn::kDestination;
  // What is not done stays in the journal: somebody has to look at it.
  (void)note(known_place && all ? "done" : left_step());
}

/// The migration is not over, and QEMU takes no settings: they stay in the journal.
void MigrationRun::leave_settings() {
  source_settings_.leave();
  destination_settings_.leave();
  outcome_.given_back = false;
  outcome_.remarks.emplace_back(
      "settings are still changed on both sides: once the migration is over, godwit recover gives "
      "them back and says where the VM runs");
  (void)note(left_step());
}

/// Of the whole: what QEMU says is of memory's part, which disks come before.
void MigrationRun::measure_times() {
  const Seen& seen = record_.seen;
  if (storage_) outcome_.storage = storage_->outcome(seen.stop_us);
  if (!seen.launched) {
    if (record_.abort != Abort::kNone) outcome_.total_time = abort_time_ - started_;
    return;
  }
  const Seconds before = storage_ ? launched_ - started_ : Seconds(0);
  if (storage_) outcome_.storage->ready_after = before;
  rounds_.finish(clock_.wall_us(), seen.status);
  outcome_.rounds = rounds_.rounds();
  for (RoundRecord& round : outcome_.rounds) round.started += before;
  if (!seen.status.total_time || !is_final(seen.status.phase)) return;
  outcome_.total_time = before + *seen.status.total_time;
  // The last round ends with the migration, not when Godwit has looked at everything.
  RoundRecord& last = outcome_.rounds.back();
  last.duration = std::max(*outcome_.total_time - last.started, Seconds(0));
}

void MigrationRun::measure() {
  const Seen& seen = record_.seen;
  measure_times();
  outcome_.transferred.qemu = seen.status.transferred;
  if (outcome_.status == OutcomeStatus::kCompleted) {
    outcome_.downtime.qemu = seen.status.downtime;
    if (seen.stop_us && seen.resume_us) {
      outcome_.downtime.events =
          Seconds(static_cast<double>(*seen.resume_us - *seen.stop_us) * 1e-6);
    }
  }
  outcome_.transferred.wire = outside_.sent();
  outcome_.downtime.probe = outside_.outage();
}

/// What a successor has to know of an end that is none.
std::string MigrationRun::left_step() const {
  std::string step = fmt::format("left {}, {}", to_string(outcome_.vm_runs_on),
                                 record_.seen.launched ? "migrating" : "mirroring");
  if (record_.told_to_wait && !record_.paused_as) step += fmt::format(", {}", kToldToWait);
  return step;
}

/// A "done" speaks only for what this run began: an earlier one may have left an entry.
Result<void> MigrationRun::note(std::string_view step) {
  if (step == "done" && !noted_) return {};
  noted_ = true;
  JournalEntry entry;
  entry.source = parties_.source_name;
  entry.destination = parties_.destination_name;
  entry.source_pid = parties_.source_pid;
  entry.source_started = parties_.source_started;
  entry.destination_pid = parties_.destination_pid;
  entry.destination_started = parties_.destination_started;
  entry.source_identity = parties_.source_identity;
  entry.destination_identity = parties_.destination_identity;
  entry.step = step;
  entry.source_lease = source_settings_.lease();
  entry.destination_lease = destination_settings_.lease();
  return record_step(parties_.journal, clock_, std::move(entry));
}

}  // namespace

Result<MigrationOutcome> run_migration(Clock& clock, const Parties& parties,
                                       const MigrationPlan& plan, const RunOptions& options,
                                       std::stop_token stop) {
  return MigrationRun(clock, parties, plan, options, std::move(stop)).run();
}

}  // namespace godwit::control
