#include "godwit/pair/watch_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "godwit/base/quantity.h"
#include "godwit/steer/stage.h"
#include "patience.h"
#include "watched_side.h"

namespace godwit::pair {
namespace {

using steer::rules_of;
using steer::stage_of;

/// As often as control looks where it drives.
constexpr Seconds kAskEvery{0.05};
/// In a switchover QEMU is mute, and each question in vain holds everything up: events tell.
constexpr Seconds kAskMuteEvery{5};
/// Of a broken post-copy, which may stay so for hours.
constexpr Seconds kAskBrokenEvery{1};

Seconds ask_every(steer::Stage stage) {
  if (rules_of(stage).mute) return kAskMuteEvery;
  return stage == steer::Stage::kPostcopyBroken ? kAskBrokenEvery : kAskEvery;
}

class WatchSession final : public MigrationSession {
 public:
  WatchSession(Clock& clock, Hypervisor& source)
      : clock_(clock), source_(source), side_(clock, source) {}

  Result<void> prepare(const MigrationPlan&) override { return {}; }
  Result<void> start() override;
  std::vector<PassSync> watch(TimePoint deadline) override;
  [[nodiscard]] const SessionView& view() const override { return seen_; }
  [[nodiscard]] Liveness liveness() override {
    return {side_.ended(), side_.connected(), side_.out_of_reach(), side_.silent_for()};
  }
  [[nodiscard]] bool only_watches() const override { return true; }
  std::vector<std::string> take_remarks() override { return std::exchange(remarks_, {}); }
  Result<void> amend(const Order&) override {
    return fail(ErrorCode::kUnsupported, "a migration that is only watched takes no orders");
  }
  bool cancel(GiveUp, const std::string&) override { return false; }
  void settle(MigrationOutcome& outcome, const std::stop_token& leave) override;
  void leave(MigrationOutcome& outcome) override;
  [[nodiscard]] std::optional<RunState> run_state(Side side) override {
    return side == Side::kSource ? side_.run_state() : std::nullopt;
  }
  void release(MigrationOutcome&) override {}  // nothing was borrowed

 private:
  void take(const HypervisorEvent& event);
  void take_stop(std::int64_t wall_us);
  void poll();
  void note_pass(std::int64_t wall_us);
  [[nodiscard]] bool broken() const {
    return seen_.status.phase == MigrationPhase::kPostcopyPaused;
  }
  void note_postcopy(MigrationOutcome& outcome) const;
  void settle_completed(MigrationOutcome& outcome) const;
  [[nodiscard]] std::string why_unseen();
  void settle_at_source(MigrationOutcome& outcome);

  Clock& clock_;
  Hypervisor& source_;
  WatchedSide side_;
  SessionView seen_;
  std::vector<PassSync> syncs_;
  std::vector<std::string> remarks_;
  std::int64_t pass_ = 0;      ///< newest that was told
  bool acknowledged_ = false;  ///< "completed" means that the destination took the guest
  TimePoint next_question_{};
};

Result<void> WatchSession::start() {
  GODWIT_TRY(seen_.status, source_.migration_status());
  if (!is_under_way(seen_.status)) {
    return fail(ErrorCode::kNotFound, "no migration of this VM is under way");
  }
  GODWIT_TRY(const RunState state, source_.run_state());
  GODWIT_TRY(const CapabilitySet on, source_.capabilities());
  acknowledged_ = on.contains(Capability::kReturnPath);
  const Seconds since = seen_.status.total_time.value_or(Seconds(0));
  seen_.started = seen_.launched_at = clock_.now() + -since;
  seen_.started_wall_us = seen_.launched_wall_us =
      clock_.wall_us() - static_cast<std::int64_t>(since.count() * 1e6);
  seen_.last_answer = seen_.last_progress = clock_.now();
  seen_.launched = true;
  seen_.postcopy_ordered = seen_.status.phase == MigrationPhase::kPostcopyActive ||
                           seen_.status.phase == MigrationPhase::kPostcopyPaused;
  if (steer::stopped_by_migration(state)) {
    seen_.stop_us = clock_.wall_us();
  } else if (state != RunState::kRunning) {
    seen_.paused_as = state;
  }
  pass_ = seen_.status.dirty_sync_count.value_or(0);
  if (pass_ > 0) {
    syncs_.push_back({.pass = pass_,
                      .wall_us = clock_.wall_us(),
                      .status = seen_.status,
                      .vcpus = {},
                      .joined = true});
  }
  return {};
}

std::vector<PassSync> WatchSession::watch(TimePoint deadline) {
  const auto event = side_.next_event(std::min(deadline, std::max(next_question_, clock_.now())));
  if (event) take(*event);
  poll();
  return std::exchange(syncs_, {});
}

void WatchSession::take(const HypervisorEvent& event) {
  using Kind = HypervisorEvent::Kind;
  next_question_ = clock_.now();
  switch (event.kind) {
    case Kind::kPass:
      poll();
      note_pass(event.wall_us);
      break;
    case Kind::kMigration:
      seen_.status.phase = event.phase;
      if (is_final(event.phase)) poll();  // QEMU says why it failed
      break;
    case Kind::kStop:
      take_stop(event.wall_us);
      break;
    case Kind::kResume:
      seen_.stop_us.reset();
      seen_.paused_as.reset();
      break;
    case Kind::kShutdown:
      seen_.shut_down = seen_.shut_down || event.by_guest;
      break;
    default:
      break;
  }
}

void WatchSession::take_stop(std::int64_t wall_us) {
  const auto state = side_.run_state();
  if (state == RunState::kRunning) return;
  if (!state || steer::stopped_by_migration(state)) {
    seen_.stop_us = wall_us;
    return;
  }
  seen_.paused_as = state;
  remarks_.push_back(
      fmt::format("the guest stopped at the source during the migration ({})", to_string(*state)));
}

void WatchSession::poll() {
  if (clock_.now() < next_question_) return;
  auto status = side_.migration_status();
  next_question_ = clock_.now() + ask_every(stage_of(seen_));
  if (!status) return;
  seen_.last_answer = clock_.now();
  if (status->transferred != seen_.status.transferred || status->phase != seen_.status.phase) {
    seen_.last_progress = seen_.last_answer;
  }
  seen_.status = std::move(*status);
  const MigrationPhase phase = seen_.status.phase;
  seen_.postcopy_ordered = seen_.postcopy_ordered || phase == MigrationPhase::kPostcopyActive;
  note_pass(clock_.wall_us());
}

void WatchSession::note_pass(std::int64_t wall_us) {
  const std::int64_t pass = seen_.status.dirty_sync_count.value_or(0);
  if (pass <= pass_) return;
  pass_ = pass;
  syncs_.push_back({pass, wall_us, seen_.status});
}

// --- the end, as far as the source shows it ---

void WatchSession::settle(MigrationOutcome& outcome, const std::stop_token&) {
  outcome.status = OutcomeStatus::kFailed;
  outcome.vm_runs_on = VmRunsOn::kUnknown;
  note_postcopy(outcome);
  const MigrationPhase phase = seen_.status.phase;
  if (phase == MigrationPhase::kCompleted) return settle_completed(outcome);
  if (is_final(phase) && !side_.ended() && side_.connected()) return settle_at_source(outcome);
  outcome.reason = why_unseen();
}

void WatchSession::leave(MigrationOutcome& outcome) {
  MigrationSession::leave(outcome);
  note_postcopy(outcome);
  if (!broken()) return;
  outcome.vm_runs_on = VmRunsOn::kBothPaused;
  outcome.reason =
      "the watching was ended on request; the link broke during post-copy: both sides hold a part "
      "of the guest";
}

void WatchSession::note_postcopy(MigrationOutcome& outcome) const {
  if (seen_.postcopy_ordered) outcome.technique.ending = Ending::kPostcopyAfterShare;
}

/// The source shows no more, and the migration had not ended.
std::string WatchSession::why_unseen() {
  const std::string before =
      broken() ? "the link broke during post-copy, and both sides held a part of the guest; then "
               : "";
  if (side_.ended()) {
    return before +
           "the source's QEMU ended, and it was not seen how the migration did: ask the "
           "destination";
  }
  const std::string lost =
      side_.connected()
          ? fmt::format("the source's monitor said nothing for {}", human(side_.silent_for()))
          : "the connection to the source's monitor was lost";
  return before + lost + "; the migration may go on: ask there, and at the destination";
}

void WatchSession::settle_completed(MigrationOutcome& outcome) const {
  outcome.status = OutcomeStatus::kCompleted;
  if (acknowledged_) {
    outcome.vm_runs_on = VmRunsOn::kDestination;
    return;
  }
  outcome.remarks.emplace_back(
      "the source has given the guest away, and nothing tells it whether the destination took it "
      "(return-path is off): ask there");
}

/// QEMU says "failed" a moment before it lets the guest run on.
void WatchSession::settle_at_source(MigrationOutcome& outcome) {
  const TimePoint give_up = clock_.now() + kRunPatience;
  auto state = side_.run_state();
  while (state == RunState::kFinishMigrate && clock_.now() < give_up) {
    (void)clock_.wait_until(clock_.now() + kTick, {});
    state = side_.run_state();
  }
  const bool cancelled = seen_.status.phase == MigrationPhase::kCancelled;
  if (cancelled) outcome.status = OutcomeStatus::kCancelled;
  outcome.reason = cancelled                    ? "whoever drives it cancelled it"
                   : seen_.status.error.empty() ? "QEMU gave up without saying why"
                                                : seen_.status.error;
  if (state && !steer::stopped_by_migration(state)) outcome.vm_runs_on = VmRunsOn::kSource;
}

}  // namespace

bool is_under_way(const MigrationStatus& status) {
  return status.phase != MigrationPhase::kNone && !is_final(status.phase);
}

std::unique_ptr<MigrationSession> make_watch_session(Clock& clock, Hypervisor& source) {
  return std::make_unique<WatchSession>(clock, source);
}

}  // namespace godwit::pair
