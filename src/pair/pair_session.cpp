#include "godwit/pair/pair_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/control/journal_step.h"
#include "godwit/control/quota_lease.h"
#include "godwit/control/settings.h"
#include "godwit/control/vcpu_watch.h"
#include "godwit/pair/recovery.h"
#include "godwit/steer/stage.h"
#include "godwit/storage/storage_mirror.h"
#include "godwit/storage/storage_share.h"
#include "patience.h"
#include "run_record.h"
#include "settings_lease.h"
#include "settlement.h"
#include "watched_side.h"

namespace godwit::pair {
namespace {

using steer::rules_of;
using steer::Stage;
using steer::stage_of;

constexpr std::string_view kAtSource = "source";
/// In a switchover QEMU is mute, and each question in vain holds everything up: events tell.
constexpr Seconds kAskSwitchoverEvery{30};
constexpr Seconds kAskCancellingEvery{1};
constexpr Seconds kOrderAgain{1};
/// A connection over a link that is still broken is given up by QEMU, or by us, within so long.
constexpr Seconds kMendAgain{5};
/// A destination that does not answer may be taking the guest over: cancelling waits for it.
constexpr Seconds kHoldPatience{30};

/// More than the links carry that a relay paces.
constexpr BytesPerSecond kUnpaced{10e9};

constexpr std::string_view kRestIsThere =
    "a part of the guest's disks is still at the source, and the guest needs both hosts: do not "
    "end "
    "the source's QEMU; godwit recover fetches the rest and says when it is done";
constexpr std::string_view kRestIsLost =
    "the source's QEMU has ended, and with it a part of the guest's disks that had not come: end "
    "the "
    "guest, and start it from the source's disks";

/// Has the migration begun its switchover, by its phase?
bool switches(MigrationPhase phase) {
  using Phase = MigrationPhase;
  return phase == Phase::kDevice || phase == Phase::kPreSwitchover ||
         phase == Phase::kPostcopyActive || phase == Phase::kCompleted;
}

MigrationParameters parameters_of(const Order& order) {
  MigrationParameters parameters;
  parameters.downtime_limit = order.downtime_limit;
  parameters.max_bandwidth = order.max_bandwidth;
  return parameters;
}

class PairSession final : public MigrationSession {
 public:
  PairSession(Clock& clock, Ends ends)
      : clock_(clock),
        ends_(std::move(ends)),
        source_(clock, ends_.source),
        destination_(clock, ends_.destination),
        source_settings_(ends_.source),
        destination_settings_(ends_.destination),
        quota_(ends_.cpu_quota, [this] { return note(step_); }) {
    record_.seen.stream = ends_.stream;
  }

  Result<void> prepare(const MigrationPlan& plan) override;
  Result<void> start() override;
  std::vector<PassSync> watch(TimePoint deadline) override;
  [[nodiscard]] const SessionView& view() const override { return record_.seen; }
  [[nodiscard]] Liveness liveness() override;
  [[nodiscard]] bool exhausted() override;
  std::vector<std::string> take_remarks() override { return std::exchange(remarks_, {}); }
  Result<void> amend(const Order& order) override;
  Result<void> switch_to_postcopy() override;
  bool cancel(GiveUp why, const std::string& reason) override;
  void give_link_up() override;
  void mend_link() override;
  void settle(MigrationOutcome& outcome, const std::stop_token& leave) override;
  bool follow_rest(TimePoint deadline) override;
  void leave(MigrationOutcome& outcome) override;
  [[nodiscard]] std::optional<RunState> run_state(Side side) override {
    return side_of(side).run_state();
  }
  [[nodiscard]] std::optional<std::string> why_dead(Side side) override;
  void release(MigrationOutcome& outcome) override;

 private:
  // --- the way there ---
  Result<void> borrow_settings();
  Result<void> leave_pace_to_carrier(MigrationParameters& parameters);
  void start_clocks();
  std::unique_ptr<storage::DiskMove> way_to_move_disks();
  Result<void> begin_storage();
  Result<void> launch();
  void launch_after_storage();
  /// Where the source connects to, also when it goes on over another connection.
  [[nodiscard]] std::string way() const {
    return ends_.carrier == nullptr ? ends_.stream : ends_.carrier->uri();
  }

  // --- while it runs ---
  bool take_source_event(TimePoint deadline);
  void take_events();
  void tell_of_pass(std::int64_t pass, std::int64_t wall_us);
  void take_phase(MigrationPhase phase);
  void take_stop();
  void judge_stop(std::optional<RunState> state, std::int64_t when);
  void take_guest_event(const HypervisorEvent& event, std::string_view side);
  void drain_destination();
  void stop_old_copy();
  void poll();
  void mind_storage();
  void look_at_storage();
  void hand_storage_over();
  void go_on_again();

  Result<void> slow_down(Ratio share);
  void mind_quota();
  bool lift_quota();

  enum class Hold { kHeld, kNotYet, kTooLate, kCannotTell };
  [[nodiscard]] bool guest_is_kept_here();
  Hold hold_destination();
  bool still_runs_here();
  [[nodiscard]] std::string_view cancelling() const;
  [[nodiscard]] Stage stage() const { return stage_of(record_.seen); }
  [[nodiscard]] WatchedSide& side_of(Side side) {
    return side == Side::kSource ? source_ : destination_;
  }

  // --- the end ---
  void follow_up(const MigrationOutcome& outcome);
  void note_storage(MigrationOutcome& outcome);
  bool settings_given_back();
  bool give_back(WatchedSide& side, SettingsLease& lease, bool may);
  void let_destination_start_again();
  void tell_destinations_use(MigrationOutcome& outcome);
  bool lost_on_the_way(MigrationOutcome& outcome);
  [[nodiscard]] std::string left_step(const MigrationOutcome& outcome) const;
  Result<void> note(std::string_view step);

  Clock& clock_;
  Ends ends_;
  MigrationPlan plan_;
  WatchedSide source_;
  WatchedSide destination_;
  SettingsLease source_settings_;
  SettingsLease destination_settings_;
  control::QuotaLease quota_;
  RunRecord record_;
  std::vector<std::string> remarks_;
  std::vector<PassSync> syncs_;
  std::int64_t told_pass_ = 0;                  ///< newest that was told
  std::optional<std::int64_t> active_us_;       ///< when QEMU began to send, by its event
  std::unique_ptr<storage::DiskMove> storage_;  ///< where disks move, too

  TimePoint next_question_{};
  TimePoint next_order_{};
  std::optional<TimePoint> holding_since_;
  std::optional<HypervisorEvent> stop_event_;  ///< STOP at the source, not yet known whose
  std::string step_;  ///< as the journal has it; empty while it has nothing
};

// --- the way there ---

Result<void> PairSession::prepare(const MigrationPlan& plan) {
  plan_ = plan;
  if (plan_.technique.storage) storage_ = way_to_move_disks();
  // A guest that stands still now will stand still at the destination.
  GODWIT_TRY(const RunState state, ends_.source.run_state());
  if (state != RunState::kRunning) record_.seen.paused_as = state;
  record_.seen.may_slow_down = quota_.check().has_value();
  return borrow_settings();
}

std::unique_ptr<storage::DiskMove> PairSession::way_to_move_disks() {
  if (!leaves_disks_behind(plan_.parameters)) {
    return std::make_unique<storage::StorageMirror>(clock_, ends_.source, ends_.destination);
  }
  return std::make_unique<storage::StorageShare>(clock_, ends_.source, ends_.destination,
                                                 ends_.disk_copier);
}

/// What is borrowed is written down first: without that, nobody could give it back after a kill.
Result<void> PairSession::borrow_settings() {
  control::Settings settings = control::settings_for(plan_);
  if (ends_.carrier != nullptr) GODWIT_CHECK_OK(leave_pace_to_carrier(settings.parameters));
  GODWIT_CHECK_OK(source_settings_.plan(settings));
  GODWIT_CHECK_OK(destination_settings_.plan(settings));
  if (const auto written = note("preparing"); !written) {
    return fail(
        written.error().while_doing("nothing was started, as the journal can't be written"));
  }
  GODWIT_CHECK_OK(source_settings_.take());
  return destination_settings_.take();
}

/// QEMU's limit works in windows of 100 ms: a requested page would wait for the next one.
Result<void> PairSession::leave_pace_to_carrier(MigrationParameters& parameters) {
  const auto rate = std::exchange(parameters.max_bandwidth, std::nullopt);
  if (!rate) return {};
  parameters.max_bandwidth = kUnpaced;
  if (parameters.max_postcopy_bandwidth) parameters.max_postcopy_bandwidth = kUnpaced;
  return ends_.carrier->set_rate(rate);
}

Result<void> PairSession::start() {
  GODWIT_CHECK_OK(ends_.destination.listen(ends_.listen.value_or(ends_.stream)));
  start_clocks();
  return storage_ ? begin_storage() : launch();
}

void PairSession::start_clocks() {
  SessionView& seen = record_.seen;
  seen.started_wall_us = clock_.wall_us();
  seen.started = seen.last_progress = seen.last_answer = clock_.now();
  source_.forgive_silence();
  destination_.forgive_silence();
  seen.held_back = storage_ != nullptr;
}

Result<void> PairSession::begin_storage() {
  if (const auto vm = ends_.source.describe()) record_.seen.ram = vm->ram;
  record_.seen.storage.emplace();
  (void)note(leaves_disks_behind(plan_.parameters) ? "copying a share" : "mirroring");
  return storage_->begin(
      {ends_.listen.value_or(ends_.stream), ends_.stream, plan_.moved_disks, plan_.parameters});
}

Result<void> PairSession::launch() {
  record_.seen.launched_at = clock_.now();
  record_.seen.launched_wall_us = clock_.wall_us();
  record_.seen.launched = true;
  (void)note("migrating");
  const auto accepted = ends_.source.migrate(way());
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

void PairSession::launch_after_storage() {
  record_.seen.last_progress = record_.seen.last_answer = clock_.now();
  if (const auto accepted = launch(); !accepted) {
    (void)cancel(GiveUp::kRefused, accepted.error().message);
  }
}

// --- while it runs ---

std::vector<PassSync> PairSession::watch(TimePoint deadline) {
  if (take_source_event(deadline)) next_question_ = clock_.now();
  take_stop();
  mind_quota();
  drain_destination();
  poll();
  mind_storage();
  mind_quota();
  return std::exchange(syncs_, {});
}

Liveness PairSession::liveness() {
  return {source_.ended(), source_.connected(), source_.out_of_reach(), source_.silent_for()};
}

bool PairSession::exhausted() {
  if (!record_.seen.launched) return record_.abort != GiveUp::kNone;
  const bool gone_over = record_.seen.resume_us && !record_.seen.postcopy_ordered;
  if (gone_over && !source_.connected()) return true;
  const bool torn = stage() == Stage::kPostcopyBroken && destination_.ended();
  if (torn) return true;  // with the guest's newest memory
  const bool answers = source_.connected() && source_.silent_for() < kCancelPatience;
  return stage() == Stage::kCancelling && answers &&
         clock_.now() - *record_.seen.gave_up_at > kCancelPatience;
}

/// False when none came by the deadline.
bool PairSession::take_source_event(TimePoint deadline) {
  using Kind = HypervisorEvent::Kind;
  const auto event = source_.next_event(deadline);
  if (!event) return false;
  switch (event->kind) {
    case Kind::kPass:
      next_question_ = clock_.now();
      poll();
      tell_of_pass(event->pass, event->wall_us);
      break;
    case Kind::kMigration:
      if (event->phase == MigrationPhase::kActive && record_.seen.launched)
        active_us_ = event->wall_us;
      take_phase(event->phase);
      break;
    case Kind::kStop:
      stop_event_ = *event;
      break;
    case Kind::kResume:  // QEMU took the guest back, or a person let it go on
      stop_old_copy();
      stop_event_.reset();
      record_.seen.stop_us.reset();
      record_.seen.paused_as.reset();
      break;
    default:
      take_guest_event(*event, kAtSource);
      break;
  }
  return true;
}

void PairSession::tell_of_pass(std::int64_t pass, std::int64_t wall_us) {
  told_pass_ = pass;
  syncs_.push_back({pass, wall_us, record_.seen.status, quota_.count(clock_.wall_us())});
}

/// Those phases in which QEMU may not answer a question are taken from the event.
void PairSession::take_phase(MigrationPhase phase) {
  using Phase = MigrationPhase;
  if (!record_.seen.launched) return;
  if (phase == Phase::kDevice || phase == Phase::kPreSwitchover ||
      phase == Phase::kPostcopyActive) {
    record_.seen.status.phase = phase;
    record_.seen.last_progress = record_.seen.last_answer = clock_.now();
  }
}

/// Whose STOP is it? The migration's own is followed by its change of phase; a person's `stop`, or
/// a disk that fails, leaves a monitor that answers.
void PairSession::take_stop() {
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

void PairSession::judge_stop(std::optional<RunState> state, std::int64_t when) {
  record_.seen.stop_us.reset();
  if (state == RunState::kRunning) return;  // it goes on already
  if (!state || state == RunState::kFinishMigrate || state == RunState::kPostmigrate) {
    record_.seen.stop_us = when;
    return;
  }
  record_.seen.paused_as = state;
  remarks_.push_back(state == RunState::kPaused
                         ? "somebody paused the guest at the source during the migration"
                         : fmt::format("the guest stopped at the source during the migration ({})",
                                       to_string(*state)));
}

void PairSession::take_guest_event(const HypervisorEvent& event, std::string_view side) {
  using Kind = HypervisorEvent::Kind;
  if (event.kind == Kind::kShutdown && event.by_guest) {
    (side == kAtSource ? record_.seen.shut_down : record_.seen.shut_down_there) = true;
    remarks_.push_back(fmt::format("the guest shut itself down at the {}", side));
  } else if (event.kind == Kind::kReset && event.by_guest) {
    remarks_.push_back(fmt::format("the guest reset itself at the {}", side));
  } else if (event.kind == Kind::kPanicked) {
    remarks_.push_back(fmt::format("the guest's kernel panicked at the {}", side));
  } else if (event.kind == Kind::kIoError) {
    remarks_.push_back(fmt::format("a disk of the guest failed at the {}", side));
  }
}

/// A post-copy that fails once all is sent has QEMU let the source run on. The destination's RESUME
/// is missed where its connection was lost just then.
void PairSession::stop_old_copy() {
  drain_destination();
  if (!record_.seen.postcopy_ordered) return;
  if (record_.seen.resume_us || destination_.run_state() == RunState::kRunning) {
    (void)source_.order(&Hypervisor::pause);
  }
}

void PairSession::drain_destination() {
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
void PairSession::take_events() {
  while (take_source_event(clock_.now())) take_stop();
  drain_destination();
}

void PairSession::poll() {
  SessionView& seen = record_.seen;
  if (!seen.launched) return;  // before, it would tell of an earlier migration
  const Stage now = stage();
  if (rules_of(now).mute && clock_.now() < next_question_) return;
  auto status = source_.migration_status();
  next_question_ =
      clock_.now() + (now == Stage::kCancelling ? kAskCancellingEvery : kAskSwitchoverEvery);
  if (!status) return;
  seen.last_answer = clock_.now();
  if (status->transferred != seen.status.transferred || status->phase != seen.status.phase) {
    seen.last_progress = seen.last_answer;
  }
  seen.status = std::move(*status);
  // QEMU 11.1 sends no MIGRATION_PASS for the first pass; others send it right before "active".
  if (told_pass_ == 0 && active_us_ && seen.status.dirty_sync_count == 1) {
    tell_of_pass(1, *active_us_);
  }
  // A monitor that answers "active" may be in no switchover: the STOP was a person's after all.
  if (now == Stage::kSwitchover && seen.status.phase == MigrationPhase::kActive && seen.stop_us) {
    judge_stop(source_.run_state(), *seen.stop_us);
  }
}

/// Disks first: memory changes faster, so what is copied last should be that.
void PairSession::mind_storage() {
  if (!storage_ || !source_.connected()) return;
  if (storage_->let_go()) return go_on_again();
  look_at_storage();
  if (record_.abort != GiveUp::kNone) return;
  if (!record_.seen.launched && storage_->ready()) launch_after_storage();
  if (record_.seen.status.phase == MigrationPhase::kPreSwitchover) hand_storage_over();
  record_.seen.held_back = !storage_->let_go();
  record_.seen.storage->failure = storage_->failure();
  next_order_ = clock_.now() + kOrderAgain;
}

/// From here on the guest may run there on what is here still: a successor must know it first.
void PairSession::hand_storage_over() {
  const bool rest = leaves_disks_behind(plan_.parameters);
  if (rest && step_ != kRestFollows && !note(kRestFollows)) return;
  storage_->hand_over();
}

/// `migrate-continue` may have been lost with the connection; QEMU refuses a second one.
void PairSession::go_on_again() {
  if (record_.seen.status.phase != MigrationPhase::kPreSwitchover || clock_.now() < next_order_) {
    return;
  }
  next_order_ = clock_.now() + kOrderAgain;
  (void)source_.order(&Hypervisor::continue_switchover);
  next_question_ = clock_.now();
}

void PairSession::look_at_storage() {
  SessionView& seen = record_.seen;
  const Bytes before = storage_->done();
  if (const auto looked = storage_->look(); !looked) {
    if (looked.error().code == ErrorCode::kPeerGone) (void)source_.run_state();  // notes the loss
    return;
  }
  *seen.storage = {storage_->done(), storage_->left(), storage_->failure()};
  source_.forgive_silence();
  seen.last_answer = clock_.now();
  if (storage_->done() != before) seen.last_progress = seen.last_answer;
}

// --- orders ---

/// What is changed for the first time is written down first, as everything that is borrowed.
Result<void> PairSession::amend(const Order& order) {
  if (order.cpu_quota) GODWIT_CHECK_OK(slow_down(*order.cpu_quota));
  MigrationParameters parameters = parameters_of(order);
  if (ends_.carrier != nullptr && order.max_bandwidth) {
    GODWIT_CHECK_OK(ends_.carrier->set_rate(std::exchange(parameters.max_bandwidth, std::nullopt)));
  }
  if (!parameters.downtime_limit && !parameters.max_bandwidth) return {};
  GODWIT_TRY(const bool wider, source_settings_.widen(parameters));
  if (wider) GODWIT_CHECK_OK(note(step_));
  return source_settings_.change(parameters);
}

Result<void> PairSession::slow_down(Ratio share) {
  auto limited = quota_.limit(share);
  record_.seen.cpu_quota = quota_.share();
  return limited;
}

/// A quota is for a guest that dirties memory while it is sent: once the guest leaves or stays for
/// good, it gets all of its time back.
void PairSession::mind_quota() {
  quota_.mind(clock_.now(), rules_of(stage()).may_change_limits);
  record_.seen.cpu_quota = quota_.share();
}

/// False when it could not be done.
bool PairSession::lift_quota() {
  const bool lifted = quota_.lift();
  record_.seen.cpu_quota = quota_.share();
  return lifted;
}

/// The guest stops faster when no vCPU waits for its next period.
Result<void> PairSession::switch_to_postcopy() {
  (void)lift_quota();
  auto ordered = source_.order(&Hypervisor::start_postcopy);
  const bool refused = !ordered && (ordered.error().code == ErrorCode::kRefused ||
                                    ordered.error().code == ErrorCode::kUnsupported);
  if (refused) return ordered;
  // Without an answer it may have begun all the same, and cancelling could then lose the guest.
  record_.seen.postcopy_ordered = true;
  (void)note("postcopy");
  return {};
}

/// Once all is sent, QEMU (10.0) takes a pause for a failure and lets the source run on, whose copy
/// is as old as the switchover, while the destination runs the guest. There is nothing left to send
/// over another link either: what is missing is under way.
void PairSession::give_link_up() {
  const bool all_sent = record_.seen.status.remaining == Bytes();
  if (all_sent || clock_.now() < next_order_) return;
  next_order_ = clock_.now() + *rules_of(Stage::kPostcopy).longest_standstill;
  (void)note("postcopy, pausing");
  // The destination waits in the kernel for what will never come: it has to be told as well.
  const auto here = source_.order(&Hypervisor::pause_postcopy);
  const auto there = destination_.order(&Hypervisor::pause_postcopy);
  for (const auto* told : {&here, &there}) {
    if (!*told) log::warning("migrate-pause: {}", told->error().message);
  }
}

/// The destination listens once more, and the source connects. What fails is tried again: a source
/// that could not connect is paused as before, and a destination listens on until one does.
void PairSession::mend_link() {
  if (clock_.now() < next_order_) return;
  next_order_ = clock_.now() + kMendAgain;
  (void)note("postcopy, recovering");
  const auto paused = destination_.migration_status();
  const bool notices = paused && paused->phase != MigrationPhase::kPostcopyPaused;
  if (notices) (void)destination_.order(&Hypervisor::pause_postcopy);
  const std::string& listen = ends_.listen.value_or(ends_.stream);
  if (const auto told = ends_.destination.recover_postcopy(listen); !told) {
    log::debug("migrate-recover: {}", told.error().message);
  }
  if (const auto told = ends_.source.resume_postcopy(way()); !told) {
    log::debug("migrate, to resume: {}", told.error().message);
  }
}

/// Cancels, once the destination can't run the guest by itself any more.
bool PairSession::cancel(GiveUp why, const std::string& reason) {
  if (record_.seen.launched && !record_.seen.held_back && !guest_is_kept_here()) return false;
  record_.abort = why;
  record_.abort_reason = reason;
  record_.seen.gave_up_at = clock_.now();
  if (!record_.seen.launched) {
    (void)note("giving up");
    return true;  // there are only mirrors, and those end with the watching
  }
  (void)note(cancelling());
  record_.seen.cancel_ordered = true;
  if (const auto cancelled = source_.order(&Hypervisor::cancel); !cancelled) {
    log::warning("migrate_cancel failed: {}", cancelled.error().message);
  }
  return true;
}

bool PairSession::guest_is_kept_here() {
  const Hold hold = hold_destination();
  if (hold == Hold::kTooLate) {
    record_.seen.stop_us = record_.seen.stop_us.value_or(clock_.wall_us());
  }
  return hold == Hold::kHeld || (hold == Hold::kCannotTell && still_runs_here());
}

/// The journal's step. A guest that stood still at the source shall stand still at the destination.
std::string_view PairSession::cancelling() const {
  return record_.seen.paused_as ? "giving up, migrating" : kToldToWait;
}

/// `migrate_cancel` may reach QEMU just when it has sent the last byte: it would take the guest
/// back while the destination lets it run as well. `stop`, given to a destination that still
/// receives, keeps it from starting the guest by itself (QEMU clears `autostart`); what it says of
/// its state after that is the last word on whether it has begun to.
PairSession::Hold PairSession::hold_destination() {
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
      if (*state == RunState::kPaused && !record_.seen.paused_as) {
        (void)destination_.order(&Hypervisor::resume);
      }
      return Hold::kTooLate;
    }
  }
  return clock_.now() - *holding_since_ > kHoldPatience ? Hold::kCannotTell : Hold::kNotYet;
}

/// The destination can't be asked. That the source runs its guest, by its newest words, is all
/// there is to go by.
bool PairSession::still_runs_here() {
  take_events();
  next_question_ = clock_.now();
  poll();
  const auto state = source_.run_state();
  const bool here = state == RunState::kRunning || (state && state == record_.seen.paused_as);
  const steer::StageRules& rules = rules_of(stage());
  return here && (rules.may_cancel || rules.dead_link == steer::StageRules::DeadLink::kCancel);
}

// --- the end ---

void PairSession::settle(MigrationOutcome& outcome, const std::stop_token& leave) {
  const SessionView& seen = record_.seen;
  if (source_.ended()) take_events();  // its last words
  (void)lift_quota();
  if (seen.held_back) (void)storage_->give_back();
  record_.leave = leave;
  Settlement(clock_, ends_, plan_, source_, destination_, record_, [this] {
    take_events();
  }).settle(outcome);
  const auto broken = ends_.carrier == nullptr ? std::nullopt : ends_.carrier->failure();
  if (broken && outcome.status != OutcomeStatus::kCompleted) {
    outcome.remarks.push_back("on the way to the destination: " + broken->message);
  }
  if (storage_ && storage_->let_go()) follow_up(outcome);
  note_storage(outcome);
}

/// A guest that moved takes the rest of its disks along; one that stayed has all of them.
void PairSession::follow_up(const MigrationOutcome& outcome) {
  if (outcome.vm_runs_on == VmRunsOn::kSource) (void)storage_->give_back();
  if (outcome.vm_runs_on != VmRunsOn::kDestination || storage_->independent()) return;
  record_.seen.rest_follows = true;
  (void)note(kRestFollows);
  (void)storage_->follow();
}

/// Without both monitors nothing more can be done or seen here: the rest is a successor's.
bool PairSession::follow_rest(TimePoint deadline) {
  if (!record_.seen.rest_follows) return false;
  drain_destination();
  (void)source_.run_state();
  const bool reached = !source_.out_of_reach() && !destination_.out_of_reach();
  record_.seen.rest_follows = storage_->follow() && reached;
  record_.seen.storage = {storage_->done(), storage_->left(), {}};
  if (!record_.seen.rest_follows) return false;
  (void)clock_.wait_until(deadline, {});
  return true;
}

void PairSession::note_storage(MigrationOutcome& outcome) {
  const SessionView& seen = record_.seen;
  if (!storage_) return;
  outcome.storage = storage_->outcome(seen.stop_us);
  if (seen.launched) outcome.storage->ready_after = seen.launched_at - seen.started;
}

/// The migration is not over, and QEMU takes no settings: they stay in the journal.
void PairSession::leave(MigrationOutcome& outcome) {
  Settlement(clock_, ends_, plan_, source_, destination_, record_, [] {}).leave(outcome);
  note_storage(outcome);
  if (!lift_quota()) outcome.remarks.emplace_back(control::kStillLimited);
  source_settings_.leave();
  destination_settings_.leave();
  outcome.given_back = false;
  outcome.remarks.emplace_back(
      "settings are still changed on both sides: once the migration is over, godwit recover gives "
      "them back and says where the VM runs");
  (void)note(left_step(outcome));
}

/// What can be seen of its vCPUs, and what QEMU says of it, is enough to call a guest dead where it
/// plainly is, and never to call it well.
std::optional<std::string> PairSession::why_dead(Side side) {
  const std::size_t known = remarks_.size();
  Hypervisor& vm = side == Side::kSource ? ends_.source : ends_.destination;
  auto dead = control::why_dead(clock_, [&vm] { return vm.look_at_vcpus(); });
  take_events();
  if (!dead && remarks_.size() > known) dead = remarks_.back();
  return dead;
}

/// A destination to which nothing came starts the next guest by itself again.
void PairSession::let_destination_start_again() {
  const auto use = ends_.destination.can_receive();
  if (!record_.told_to_wait || !use || *use == Receiving::kSpent) return;
  if (destination_.run_state() == RunState::kInmigrate) {
    (void)destination_.order(&Hypervisor::resume);
  }
}

bool PairSession::give_back(WatchedSide& side, SettingsLease& lease, bool may) {
  if (side.ended() || !lease.lease()) {  // they went with it
    lease.leave();
    return true;
  }
  if (may) (void)side.run_state();  // a connection that was lost is seen to be
  const bool given = may && side.reach(kGiveBackPatience) && lease.give_back();
  if (!given) lease.leave();
  return given;
}

/// Only once the migration's state is final: before, QEMU takes no capabilities, and with other
/// limits it would go on differently than it was begun.
bool PairSession::settings_given_back() {
  const bool over = stage() == Stage::kOver || !record_.seen.launched;
  const bool gone_over = record_.seen.resume_us && !record_.seen.postcopy_ordered;
  const bool here = give_back(source_, source_settings_, over);
  const bool there =
      give_back(destination_, destination_settings_, over || gone_over || source_.ended());
  return here && there;
}

void PairSession::tell_destinations_use(MigrationOutcome& outcome) {
  if (outcome.vm_runs_on == VmRunsOn::kSource && destination_.connected()) {
    let_destination_start_again();
    if (const auto use = ends_.destination.can_receive()) {
      outcome.destination_usable = *use != Receiving::kSpent;
      outcome.remarks.push_back(fmt::format("the destination: {}", advice_on(*use)));
    }
  }
  if (destination_.ended()) outcome.destination_usable = false;
}

void PairSession::release(MigrationOutcome& outcome) {
  bool all = true;
  if (record_.seen.held_back) {
    all = (source_.ended() || source_.reach(kGiveBackPatience)) && storage_->give_back();
  }
  if (outcome.storage) note_storage(outcome);
  all = settings_given_back() && all;
  tell_destinations_use(outcome);
  if (!all) {
    outcome.remarks.emplace_back(
        "settings are still changed on a side that could not be asked, or whose migration is not "
        "over: godwit recover gives them back");
  }
  if (storage_ && !storage_->independent() && outcome.vm_runs_on != VmRunsOn::kSource) {
    if (destination_.ended()) {
      all = lost_on_the_way(outcome) && all;
    } else {
      all = false;
      outcome.remarks.emplace_back(source_.ended() ? kRestIsLost : kRestIsThere);
    }
  }
  if (!lift_quota()) {
    all = false;
    outcome.remarks.emplace_back(control::kStillLimited);
  }
  outcome.given_back = all;
  const bool known_place =
      outcome.vm_runs_on == VmRunsOn::kSource || outcome.vm_runs_on == VmRunsOn::kDestination;
  // What is not done stays in the journal: somebody has to look at it.
  (void)note(known_place && all ? "done" : left_step(outcome));
}

/// The guest has ended with the destination's QEMU while its disks came. Nobody needs the source's
/// any more; true once they are given back.
bool PairSession::lost_on_the_way(MigrationOutcome& outcome) {
  if (outcome.vm_runs_on == VmRunsOn::kDestination) {
    outcome.vm_runs_on = VmRunsOn::kUnknown;
    outcome.status = OutcomeStatus::kFailed;
    outcome.reason = "the destination's QEMU ended before all of the guest's disks had come";
    outcome.guest.alive = false;
    outcome.guest.evidence = "its QEMU has ended";
    outcome.remarks.emplace_back(
        "what the guest wrote since the switchover is lost: start it from the source's disks, "
        "which "
        "are as they were at the switchover");
  }
  return storage_->give_back();
}

/// What a successor has to know of an end that is none.
std::string PairSession::left_step(const MigrationOutcome& outcome) const {
  std::string step = fmt::format("left {}, {}", to_string(outcome.vm_runs_on),
                                 record_.seen.launched ? "migrating" : "mirroring");
  if (storage_ && storage_->let_go()) step += fmt::format(", {}", kRestFollows);
  if (record_.told_to_wait && !record_.seen.paused_as) step += fmt::format(", {}", kToldToWait);
  return step;
}

/// A "done" speaks only for what this run began: an earlier one may have left an entry.
Result<void> PairSession::note(std::string_view step) {
  if (step == "done" && step_.empty()) return {};
  JournalEntry entry;
  entry.source = ends_.source_end.name;
  entry.destination = ends_.destination_end.name;
  entry.source_pid = ends_.source_end.pid;
  entry.source_started = ends_.source_end.started;
  entry.destination_pid = ends_.destination_end.pid;
  entry.destination_started = ends_.destination_end.started;
  entry.source_identity = ends_.source_end.identity;
  entry.destination_identity = ends_.destination_end.identity;
  entry.step = step;
  entry.source_lease = source_settings_.lease();
  entry.destination_lease = destination_settings_.lease();
  entry.source_cpu = quota_.lent();
  std::string now(step);  // `step` may be of `step_`
  GODWIT_CHECK_OK(control::record_step(ends_.journal, clock_, std::move(entry)));
  step_ = std::move(now);
  return {};
}

}  // namespace

std::unique_ptr<MigrationSession> make_session(Clock& clock, Ends ends) {
  return std::make_unique<PairSession>(clock, std::move(ends));
}

}  // namespace godwit::pair
