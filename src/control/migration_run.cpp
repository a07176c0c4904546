#include "godwit/control/migration_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "borrowed_settings.h"
#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/control/rounds.h"
#include "godwit/control/settings.h"
#include "guest_exam.h"
#include "journal_step.h"
#include "outside_view.h"
#include "storage_mirror.h"

namespace godwit::control {
namespace {

/// Events wake the loop at once; this bounds the age of what the progress bar shows.
constexpr Seconds kTick{0.05};
/// QEMU aborts a stream by closing its socket; what takes longer than this is stuck in the kernel.
constexpr Seconds kCancelPatience{30};
/// A link that carried nothing for this long is cut (TCP itself would wait a quarter of an hour).
constexpr Seconds kStallPatience{30};
/// From the source's "completed" to the destination's RESUME: device state and page-in are behind
/// it.
constexpr Seconds kResumePatience{15};
/// A QEMU whose monitor says nothing for this long is stopped or stuck; nobody can steer it then.
constexpr Seconds kMonitorPatience{60};
constexpr Seconds kLongestStandstill{3600};

enum class Abort {
  kNone,
  kUser,
  kDeadline,
  kStall,
  kStorage,  ///< the disks would not be whole at the destination
  kRefused,  ///< after the disks had been mirrored
};

class MigrationRun {
 public:
  MigrationRun(Clock& clock, const Parties& parties, const MigrationPlan& plan,
               const RunOptions& options, std::stop_token stop)
      : clock_(clock),
        parties_(parties),
        plan_(plan),
        options_(options),
        stop_(std::move(stop)),
        source_settings_(parties.source),
        destination_settings_(parties.destination),
        outside_(parties.probe, parties.wire),
        exam_(clock, parties.check, parties.probe) {
    if (plan.storage) storage_.emplace(clock, parties.source, parties.destination);
  }

  Result<MigrationOutcome> run();

 private:
  Result<void> begin();
  Result<void> prepare();
  void start_clocks();
  Result<void> begin_storage();
  Result<void> launch();
  void watch();
  void mind_storage();
  void look_at_storage();
  void launch_after_storage();
  void settle();
  void measure();
  void examine();

  bool take_source_event(TimePoint deadline);
  void drain_destination();
  void poll();
  [[nodiscard]] bool postcopy_is_due() const;
  void enter_postcopy_when_due();
  [[nodiscard]] bool held_back() const;
  [[nodiscard]] bool past_return() const;
  void abort_when_due();
  void abort(Abort why);
  void report();
  [[nodiscard]] std::optional<Seconds> eta() const;
  [[nodiscard]] std::optional<Seconds> left_by_rate() const;
  [[nodiscard]] bool ended() const;
  [[nodiscard]] bool monitor_is_silent() const;

  void drain_source();
  void await_resume();
  void await_source_decision();
  [[nodiscard]] bool take_guest_back();
  void settle_completed();
  void settle_aborted();
  void settle_without_source();
  void measure_times();
  [[nodiscard]] std::optional<RunState> state_of(Hypervisor& side, bool& gone);
  [[nodiscard]] std::string failure_reason() const;
  void note(std::string_view step);

  Clock& clock_;
  const Parties& parties_;
  const MigrationPlan& plan_;
  const RunOptions& options_;
  std::stop_token stop_;
  BorrowedSettings source_settings_;
  BorrowedSettings destination_settings_;
  OutsideView outside_;
  GuestExam exam_;
  RoundTracker rounds_;
  MigrationOutcome outcome_;
  std::optional<StorageMirror> storage_;  ///< where the disks move, too

  MigrationStatus status_;  ///< newest of the source
  TimePoint started_{};
  /// `migrate` was given: without disks, at the start.
  std::optional<TimePoint> launched_;
  std::string refusal_;  ///< of `migrate`, after the disks had been mirrored
  Bytes ram_;            ///< asked for where disks come first, for the ETA
  TimePoint last_progress_{};
  TimePoint last_answer_{};
  TimePoint abort_time_{};
  Abort abort_ = Abort::kNone;
  bool postcopy_ordered_ = false;
  bool postcopy_refused_ = false;
  bool source_gone_ = false;
  bool destination_gone_ = false;
  std::int64_t passes_ = 0;
  std::optional<std::int64_t> stop_us_;    ///< STOP on the source
  std::optional<std::int64_t> resume_us_;  ///< RESUME on the destination
};

Result<MigrationOutcome> MigrationRun::run() {
  if (auto begun = begin(); !begun) {
    note("done");
    return fail(std::move(begun).error());
  }
  watch();
  if (held_back()) storage_->give_back();
  settle();
  examine();
  measure();
  source_settings_.give_back();
  destination_settings_.give_back();
  const bool known_place =
      outcome_.vm_runs_on == VmRunsOn::kSource || outcome_.vm_runs_on == VmRunsOn::kDestination;
  // What is not done stays in the journal: somebody has to look at it.
  note(known_place ? "done" : fmt::format("left {}", to_string(outcome_.vm_runs_on)));
  return outcome_;
}

Result<void> MigrationRun::begin() {
  GODWIT_CHECK_OK(prepare());
  start_clocks();
  return storage_ ? begin_storage() : launch();
}

/// Everything that can fail without touching the guest.
Result<void> MigrationRun::prepare() {
  note("preparing");
  const Settings settings = settings_for(plan_);
  GODWIT_CHECK_OK(source_settings_.apply(settings));
  GODWIT_CHECK_OK(destination_settings_.apply(settings));
  GODWIT_CHECK_OK(outside_.start_probe());
  exam_.before();
  if (stop_.stop_requested()) {
    return fail(ErrorCode::kInterrupted, "interrupted before the migration began",
                "the VM was not touched; run the command again");
  }
  GODWIT_CHECK_OK(parties_.destination.listen(parties_.listen.value_or(parties_.stream)));
  outside_.mark_wire();
  return {};
}

void MigrationRun::start_clocks() {
  outcome_.technique = plan_.technique;
  outcome_.requested = options_.requested;
  outcome_.parameters = plan_.parameters;
  outcome_.started_wall_us = clock_.wall_us();
  started_ = last_progress_ = last_answer_ = clock_.now();
}

Result<void> MigrationRun::begin_storage() {
  if (const auto vm = parties_.source.describe()) ram_ = vm->ram;
  note("mirroring");
  return storage_->begin(parties_.listen.value_or(parties_.stream), parties_.stream,
                         plan_.moved_disks, plan_.parameters.max_bandwidth);
}

Result<void> MigrationRun::launch() {
  launched_ = clock_.now();
  rounds_.begin(clock_.wall_us());
  note("migrating");
  const auto accepted = parties_.source.migrate(parties_.stream);
  if (accepted) return {};
  const ErrorCode why = accepted.error().code;
  const bool certainly_not_started =
      why == ErrorCode::kRefused || why == ErrorCode::kUnsupported || why == ErrorCode::kBadInput;
  if (certainly_not_started) return fail(accepted.error());
  // No answer is no refusal: a stuck QEMU may still carry the command out, so it is watched.
  log::warning("migrate: {}", accepted.error().message);
  return {};
}

void MigrationRun::watch() {
  while (!ended()) {
    (void)take_source_event(clock_.now() + kTick);
    drain_destination();
    poll();
    mind_storage();
    enter_postcopy_when_due();
    abort_when_due();
    report();
  }
}

/// Disks first: memory changes faster, so what is copied last should be that.
void MigrationRun::mind_storage() {
  if (!storage_ || storage_->let_go() || source_gone_) return;
  look_at_storage();
  if (abort_ != Abort::kNone) return;
  if (!launched_ && storage_->ready()) launch_after_storage();
  if (status_.phase == MigrationPhase::kPreSwitchover) storage_->hand_over();
}

void MigrationRun::look_at_storage() {
  const Bytes before = storage_->done();
  const auto seen = storage_->look();
  if (!seen) {
    source_gone_ = seen.error().code == ErrorCode::kPeerGone;
    return;
  }
  last_answer_ = clock_.now();
  if (storage_->done() != before) last_progress_ = clock_.now();
}

void MigrationRun::launch_after_storage() {
  last_progress_ = clock_.now();
  if (const auto accepted = launch(); !accepted) {
    launched_.reset();
    refusal_ = accepted.error().message;
    abort(Abort::kRefused);
  }
}

bool MigrationRun::ended() const {
  if (source_gone_) return true;
  if (!launched_) return abort_ != Abort::kNone || monitor_is_silent();
  if (is_final(status_.phase)) return true;
  if (status_.phase == MigrationPhase::kPostcopyPaused) return true;
  if (monitor_is_silent()) return true;
  return abort_ != Abort::kNone && clock_.now() - abort_time_ > kCancelPatience;
}

/// QEMU's monitor does not answer while QEMU sends the last part; in stop-and-copy that is all of
/// it.
bool MigrationRun::monitor_is_silent() const {
  const Seconds last_part = plan_.technique == Technique::kStopAndCopy
                                ? plan_.max_time.value_or(kLongestStandstill)
                                : Seconds(0);
  return clock_.now() - last_answer_ > kMonitorPatience + last_part;
}

/// False when none came by the deadline.
bool MigrationRun::take_source_event(TimePoint deadline) {
  const auto event = parties_.source.next_event(deadline);
  if (!event) {
    source_gone_ = event.error().code == ErrorCode::kPeerGone;
    if (!source_gone_) (void)clock_.wait_until(deadline, {});  // a broken monitor returns at once
    return false;
  }
  if (!*event) return false;
  switch ((*event)->kind) {
    case HypervisorEvent::Kind::kPass:
      poll();
      passes_ = (*event)->pass;
      rounds_.on_pass(passes_, (*event)->wall_us, status_);
      break;
    case HypervisorEvent::Kind::kStop:
      stop_us_ = (*event)->wall_us;
      break;
    case HypervisorEvent::Kind::kResume:
      stop_us_.reset();
      break;  // QEMU took the guest back
    default:
      break;  // a change of phase shows in the status, asked for after each event
  }
  return true;
}

void MigrationRun::drain_destination() {
  while (!destination_gone_) {
    const auto event = parties_.destination.next_event(clock_.now());
    if (!event) {
      destination_gone_ = event.error().code == ErrorCode::kPeerGone;
      return;
    }
    if (!*event) return;
    if ((*event)->kind == HypervisorEvent::Kind::kResume && !resume_us_) {
      resume_us_ = (*event)->wall_us;
    }
  }
}

void MigrationRun::poll() {
  if (source_gone_ || !launched_) return;  // before, it would tell of an earlier migration
  auto status = parties_.source.migration_status();
  if (!status) {
    source_gone_ = status.error().code == ErrorCode::kPeerGone;
    return;
  }
  last_answer_ = clock_.now();
  if (status->transferred != status_.transferred || status->phase != status_.phase) {
    last_progress_ = clock_.now();
  }
  status_ = std::move(*status);
}

bool MigrationRun::postcopy_is_due() const {
  if (status_.phase != MigrationPhase::kActive) return false;
  const double share = plan_.technique == Technique::kPostcopy
                           ? 0
                           : plan_.parameters.precopy_share.value_or(Ratio(1)).value();
  const bool first_pass_over = passes_ >= 2;
  if (share <= 0 || first_pass_over) return true;
  // Within the first pass, what is not "remaining" has been dealt with, zero pages included.
  if (share >= 1 || !status_.total || !status_.remaining) return false;
  return 1 - *status_.remaining / *status_.total >= share;
}

void MigrationRun::enter_postcopy_when_due() {
  if (!uses_postcopy(plan_.technique) || postcopy_ordered_ || postcopy_refused_) return;
  if (abort_ != Abort::kNone || !postcopy_is_due()) return;
  const auto ordered = parties_.source.start_postcopy();
  postcopy_refused_ = !ordered && (ordered.error().code == ErrorCode::kRefused ||
                                   ordered.error().code == ErrorCode::kUnsupported);
  if (postcopy_refused_) {
    log::warning("post-copy was refused, pre-copy goes on: {}", ordered.error().message);
    return;
  }
  // Without an answer it may have begun all the same, and cancelling could then lose the guest.
  postcopy_ordered_ = true;
  note("postcopy");
}

/// QEMU does not begin the switchover before it is told that the disks are whole, not even where
/// post-copy was ordered or the guest is stopped already.
bool MigrationRun::held_back() const {
  return storage_ && !storage_->let_go();
}

/// From here on cancelling could leave two guests or none: the source has stopped for the last
/// part, or the destination runs on pages that it has not got yet.
bool MigrationRun::past_return() const {
  if (held_back()) return false;
  return postcopy_ordered_ || stop_us_.has_value() || status_.phase == MigrationPhase::kDevice ||
         status_.phase == MigrationPhase::kPostcopyActive ||
         status_.phase == MigrationPhase::kPostcopyPaused;
}

void MigrationRun::abort_when_due() {
  if (abort_ != Abort::kNone || is_final(status_.phase)) return;
  if (postcopy_ordered_ && !held_back()) return;
  // A switchover that hangs is no switchover: the stall test holds for it too.
  const bool stalled = clock_.now() - last_progress_ > kStallPatience;
  if (past_return() && !stalled) return;
  if (stop_.stop_requested()) return abort(Abort::kUser);
  if (held_back() && !storage_->failure().empty()) return abort(Abort::kStorage);
  if (plan_.max_time && clock_.now() - started_ > *plan_.max_time) return abort(Abort::kDeadline);
  if (stalled) return abort(Abort::kStall);
}

void MigrationRun::abort(Abort why) {
  abort_ = why;
  abort_time_ = clock_.now();
  note("cancelling");
  if (!launched_) return;  // there are only mirrors, and those end with the watching
  if (const auto cancelled = parties_.source.cancel(); !cancelled) {
    log::warning("migrate_cancel failed: {}", cancelled.error().message);
  }
}

/// As fast as it went until now. While disks are mirrored, memory is all still to come.
std::optional<Seconds> MigrationRun::left_by_rate() const {
  const Seconds elapsed = clock_.now() - started_;
  if (!launched_) {
    if (storage_->done() <= Bytes(0) || elapsed <= Seconds(0)) return std::nullopt;
    return (storage_->left() + ram_) / (storage_->done() / elapsed);
  }
  if (!status_.remaining || !status_.throughput || status_.throughput->value() <= 0) {
    return std::nullopt;
  }
  const Bytes disks = held_back() ? storage_->left() : Bytes(0);
  return (*status_.remaining + disks) / *status_.throughput;
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
  Progress progress;
  progress.phase = status_.phase;
  progress.elapsed = clock_.now() - started_;
  progress.round = rounds_.current();
  progress.transferred = status_.transferred.value_or(Bytes());
  progress.remaining = status_.remaining;
  if (held_back()) progress.storage_left = storage_->left();
  progress.rate = status_.throughput;
  progress.dirty_rate = status_.dirty_rate;
  progress.throttle_percent = status_.throttle_percent;
  progress.eta = eta();
  progress.point_of_no_return = past_return();
  options_.on_progress(progress);
}

// --- where does the guest run now? ---

std::optional<RunState> MigrationRun::state_of(Hypervisor& side, bool& gone) {
  if (gone) return std::nullopt;
  const auto state = side.run_state();
  if (state) return *state;
  gone = state.error().code == ErrorCode::kPeerGone;
  return std::nullopt;
}

/// Takes what has arrived: STOP and the last pass often come together with the end.
void MigrationRun::drain_source() {
  while (!source_gone_ && take_source_event(clock_.now())) {
  }
}

void MigrationRun::await_resume() {
  const TimePoint give_up = clock_.now() + kResumePatience;
  while (!resume_us_ && !destination_gone_ && clock_.now() < give_up) {
    const auto event = parties_.destination.next_event(std::min(give_up, clock_.now() + kTick));
    if (!event) {
      destination_gone_ = event.error().code == ErrorCode::kPeerGone;
      if (!destination_gone_) (void)clock_.wait_until(clock_.now() + kTick, {});
    } else if (*event && (*event)->kind == HypervisorEvent::Kind::kResume) {
      resume_us_ = (*event)->wall_us;
    } else if (!*event && state_of(parties_.destination, destination_gone_) == RunState::kPaused) {
      return;  // it has the guest and was told (-S) not to run it
    }
  }
}

/// QEMU says "failed" a moment before it lets the guest run on.
void MigrationRun::await_source_decision() {
  const TimePoint give_up = clock_.now() + kResumePatience;
  while (clock_.now() < give_up &&
         state_of(parties_.source, source_gone_) == RunState::kFinishMigrate) {
    (void)clock_.wait_until(clock_.now() + kTick, {});
  }
}

/// Lets the source run its guest on; first makes sure that no copy of it can start elsewhere.
bool MigrationRun::take_guest_back() {
  if (!destination_gone_) {
    (void)parties_.destination.quit();
    const TimePoint give_up = clock_.now() + kResumePatience;
    while (!destination_gone_ && clock_.now() < give_up) {
      (void)state_of(parties_.destination, destination_gone_);
      if (!destination_gone_) (void)clock_.wait_until(clock_.now() + kTick, {});
    }
  }
  return destination_gone_ && parties_.source.resume() &&
         state_of(parties_.source, source_gone_) == RunState::kRunning;
}

void MigrationRun::settle() {
  drain_source();
  if (source_gone_ || monitor_is_silent()) {
    settle_without_source();
  } else if (status_.phase == MigrationPhase::kCompleted) {
    settle_completed();
  } else {
    settle_aborted();
  }
}

void MigrationRun::settle_completed() {
  if (uses_postcopy(plan_.technique) && !postcopy_ordered_)
    outcome_.technique = Technique::kPrecopy;
  await_resume();
  auto state = state_of(parties_.destination, destination_gone_);
  if (state == RunState::kPaused || state == RunState::kPrelaunch) {
    // Started with -S. The source ran its guest and has given it away for good: let it run there.
    if (parties_.destination.resume()) await_resume();
    state = state_of(parties_.destination, destination_gone_);
  }
  outcome_.status = OutcomeStatus::kCompleted;
  outcome_.vm_runs_on = VmRunsOn::kDestination;
  if (state == RunState::kRunning && !held_back()) return;
  outcome_.status = OutcomeStatus::kFailed;
  if (state == RunState::kRunning) {
    outcome_.reason = "somebody let the switchover go on before the guest's disks were whole there";
    return;
  }
  if (!destination_gone_) {
    outcome_.vm_runs_on = VmRunsOn::kBothPaused;
    outcome_.reason = fmt::format("the destination has the guest but does not run it (state {})",
                                  state ? to_string(*state) : "unknown");
  } else if (!resume_us_ && !postcopy_ordered_ && take_guest_back()) {
    outcome_.vm_runs_on = VmRunsOn::kSource;
    outcome_.reason = "the destination's QEMU ended before it ran the guest";
  } else {
    outcome_.vm_runs_on = VmRunsOn::kUnknown;
    outcome_.reason = "the destination's QEMU ended after it had taken the guest over";
  }
}

std::string MigrationRun::failure_reason() const {
  if (abort_ == Abort::kUser) return "cancelled on request";
  if (abort_ == Abort::kDeadline) {
    return fmt::format("it did not converge within {}", human(*plan_.max_time));
  }
  if (destination_gone_) return "the destination's QEMU ended";
  if (abort_ == Abort::kStorage) return storage_->failure();
  if (abort_ == Abort::kRefused) return refusal_;
  if (abort_ == Abort::kStall) {
    return fmt::format("the link carried nothing for {}", human(kStallPatience));
  }
  if (status_.phase == MigrationPhase::kPostcopyPaused) {
    return "the link broke during post-copy: both sides hold a part of the guest; "
           "recover it with QMP migrate-recover on the destination and migrate resume on the "
           "source";
  }
  return status_.error.empty() ? "QEMU gave up without saying why" : status_.error;
}

/// A guest that somebody else paused meanwhile stays paused. (QEMU 7.2 leaves its guest in
/// postmigrate when post-copy is cancelled in pre-switchover, and takes `cont`; 10.0 lets it run on
/// by itself: measured.)
bool stopped_by_migration(std::optional<RunState> state) {
  return state == RunState::kFinishMigrate || state == RunState::kPostmigrate;
}

/// Cancelled, failed, stuck, or split by post-copy: the guest is at the source unless the
/// destination runs it. The source is let run on only where no second copy can run.
void MigrationRun::settle_aborted() {
  drain_destination();
  // All of the guest may be on its way although the stream was cut: it could still start there.
  if (stop_us_ && !postcopy_ordered_ && !held_back()) await_resume();
  await_source_decision();
  outcome_.reason = failure_reason();
  outcome_.status = abort_ == Abort::kUser       ? OutcomeStatus::kCancelled
                    : abort_ == Abort::kDeadline ? OutcomeStatus::kDidNotConverge
                                                 : OutcomeStatus::kFailed;
  const auto there = state_of(parties_.destination, destination_gone_);
  const auto here = state_of(parties_.source, source_gone_);
  if (here == RunState::kRunning) {
    outcome_.vm_runs_on = VmRunsOn::kSource;
    if (there == RunState::kRunning) {
      (void)parties_.destination.pause();
      outcome_.reason += "; the destination had begun to run a copy and was paused: end it";
    }
  } else if (postcopy_ordered_ && (resume_us_ || there == RunState::kRunning)) {
    outcome_.vm_runs_on = destination_gone_ ? VmRunsOn::kUnknown : VmRunsOn::kBothPaused;
    if (destination_gone_)
      outcome_.reason += " while it held a part of the guest: the guest is lost";
  } else if (there == RunState::kRunning) {
    outcome_.vm_runs_on = VmRunsOn::kDestination;
  } else if (stopped_by_migration(here) && !resume_us_) {
    outcome_.vm_runs_on = take_guest_back() ? VmRunsOn::kSource : VmRunsOn::kBothPaused;
  } else {
    outcome_.vm_runs_on = here ? VmRunsOn::kBothPaused : VmRunsOn::kUnknown;
  }
}

void MigrationRun::settle_without_source() {
  outcome_.status = OutcomeStatus::kFailed;
  if (!held_back()) await_resume();
  const std::string_view source =
      source_gone_ ? "the source's QEMU ended" : "the source's monitor fell silent";
  const auto there = state_of(parties_.destination, destination_gone_);
  bool whole = there == RunState::kRunning && !postcopy_ordered_;
  if (there == RunState::kRunning && postcopy_ordered_) {
    const auto received = parties_.destination.migration_status();
    whole = received && received->phase == MigrationPhase::kCompleted;
  }
  outcome_.vm_runs_on = whole ? VmRunsOn::kDestination : VmRunsOn::kUnknown;
  outcome_.reason = destination_gone_ ? fmt::format("{}, and so did the destination's", source)
                    : whole           ? fmt::format("{} after it had given the guest away", source)
                                      : fmt::format("{} during the migration", source);
}

// --- what it cost ---

void MigrationRun::examine() {
  if (outcome_.vm_runs_on == VmRunsOn::kDestination) {
    outcome_.guest = exam_.after(Side::kDestination, resume_us_.value_or(outcome_.started_wall_us));
    if (outcome_.guest.alive == false && outcome_.status == OutcomeStatus::kCompleted) {
      outcome_.status = OutcomeStatus::kFailed;
      outcome_.reason = "the guest is not well on the destination: " + outcome_.guest.evidence;
    }
  } else if (outcome_.vm_runs_on == VmRunsOn::kSource) {
    outcome_.guest = exam_.after(Side::kSource, clock_.wall_us());
  } else {
    outcome_.guest.evidence = "not examined";
  }
}

/// Of the whole: what QEMU says is of memory's part, which disks come before.
void MigrationRun::measure_times() {
  if (storage_) outcome_.storage = storage_->outcome(stop_us_);
  if (!launched_) {
    if (abort_ != Abort::kNone) outcome_.total_time = abort_time_ - started_;
    return;
  }
  const Seconds before = storage_ ? *launched_ - started_ : Seconds(0);
  if (storage_) outcome_.storage->ready_after = before;
  rounds_.finish(clock_.wall_us(), status_);
  outcome_.rounds = rounds_.rounds();
  for (RoundRecord& round : outcome_.rounds) round.started += before;
  if (!status_.total_time) return;
  outcome_.total_time = before + *status_.total_time;
  // The last round ends with the migration, not when Godwit has looked at everything.
  RoundRecord& last = outcome_.rounds.back();
  last.duration = std::max(*outcome_.total_time - last.started, Seconds(0));
}

void MigrationRun::measure() {
  measure_times();
  outcome_.transferred.qemu = status_.transferred;
  if (outcome_.status == OutcomeStatus::kCompleted) {
    outcome_.downtime.qemu = status_.downtime;
    if (stop_us_ && resume_us_) {
      outcome_.downtime.events = Seconds(static_cast<double>(*resume_us_ - *stop_us_) * 1e-6);
    }
  }
  outcome_.transferred.wire = outside_.sent();
  outcome_.downtime.probe = outside_.outage();
}

void MigrationRun::note(std::string_view step) {
  JournalEntry entry;
  entry.source = parties_.source_name;
  entry.destination = parties_.destination_name;
  entry.source_pid = parties_.source_pid;
  entry.destination_pid = parties_.destination_pid;
  entry.step = step;
  record_step(parties_.journal, clock_, std::move(entry));
}

}  // namespace

Result<MigrationOutcome> run_migration(Clock& clock, const Parties& parties,
                                       const MigrationPlan& plan, const RunOptions& options,
                                       std::stop_token stop) {
  return MigrationRun(clock, parties, plan, options, std::move(stop)).run();
}

}  // namespace godwit::control
