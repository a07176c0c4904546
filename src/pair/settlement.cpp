#include "settlement.h"

#include <fmt/format.h>

#include <utility>

#include "godwit/steer/stage.h"
#include "patience.h"

namespace godwit::pair {
namespace {

/// From the source's "completed" to the destination's RESUME: device state and page-in are behind
/// it. A destination that does not answer meanwhile is waited for longer.
constexpr Seconds kResumePatience{15};
constexpr Seconds kSilencePatience{180};
/// From `quit` to the end of the process.
constexpr Seconds kQuitPatience{15};

std::string_view word(std::optional<RunState> state) {
  return state ? to_string(*state) : "unknown";
}

/// One question may be refused, or its answer lost. A monitor that is mute is asked once.
std::optional<RunState> state_of(WatchedSide& side) {
  constexpr int kQuestions = 2;  // and once more, whether it is mute or not
  constexpr Seconds kMute{15};
  std::optional<RunState> state;
  for (int i = 0; i < kQuestions && !state && side.connected() && side.silent_for() < kMute; ++i) {
    state = side.run_state();
  }
  return state ? state : side.connected() ? side.run_state() : std::nullopt;
}

/// It has all of the guest, and stands still.
bool holds_still(std::optional<RunState> state) {
  return state && *state != RunState::kRunning && *state != RunState::kInmigrate &&
         *state != RunState::kOther;
}

}  // namespace

void Settlement::conclude(OutcomeStatus status, VmRunsOn place, std::string reason) {
  outcome_->status = status;
  outcome_->vm_runs_on = place;
  outcome_->reason = std::move(reason);
}

void Settlement::settle(MigrationOutcome& outcome) {
  outcome_ = &outcome;
  const steer::StageRules& rules = steer::rules_of(steer::stage_of(record_.seen));
  const bool silent = source_.silent_for() > rules.longest_silence;
  if (record_.seen.shut_down && !record_.seen.resume_us) {
    settle_shut_down();
  } else if (source_.ended() || !source_.connected() || silent) {
    settle_without_source();
  } else if (record_.seen.status.phase == MigrationPhase::kCompleted) {
    settle_completed();
  } else {
    settle_aborted();
  }
}

void Settlement::leave(MigrationOutcome& outcome) {
  outcome_ = &outcome;
  conclude(OutcomeStatus::kFailed, VmRunsOn::kUnknown,
           "the watching was ended on request; the migration goes on by itself, and nothing was "
           "cancelled: " +
               where_to_ask());
}

/// It left nothing to move. What the destination has is a torn copy.
void Settlement::settle_shut_down() {
  conclude(OutcomeStatus::kFailed, VmRunsOn::kSource,
           "the guest shut itself down during the migration; it runs nowhere now, and belongs to "
           "the source: start it there");
}

std::string Settlement::where_to_ask() const {
  return fmt::format(
      "ask both monitors (query-status, query-migrate): the source's {}, the "
      "destination's {}; let the guest run (cont) on one of them only when the other "
      "certainly has ended or waits for a migration (inmigrate)",
      ends_.source_end.name, ends_.destination_end.name);
}

// --- the source has given the guest away ---

/// Until the destination runs the guest, is known to stand still with it, to have ended, or to be
/// out of reach.
void Settlement::await_resume() {
  const TimePoint begin = clock_.now();
  destination_.forgive_silence();
  while (!record_.seen.resume_us && !destination_.ended() && !destination_.out_of_reach() &&
         !record_.leave.stop_requested()) {
    take_events_();
    if (record_.seen.resume_us) return;
    const auto there = state_of(destination_);
    if (there == RunState::kRunning || holds_still(there)) return;
    const bool answers = destination_.connected() && destination_.silent_for() < kTick;
    const Seconds patience = answers ? kResumePatience : kSilencePatience;
    if (destination_.connected() && clock_.now() - begin > patience) return;
    (void)clock_.wait_until(clock_.now() + kTick, {});
  }
}

/// A destination that was told not to start by itself, by its owner (-S) or by us, has the guest
/// now. A guest that somebody had paused at the source stays so.
void Settlement::let_run_at_destination(std::optional<RunState>& there) {
  const bool told_to_wait = there == RunState::kPaused || there == RunState::kPrelaunch;
  if (!told_to_wait || record_.seen.paused_as) return;
  if (!migration_stopped_it()) {
    outcome_->remarks.emplace_back(
        "the guest is paused at the destination, and it was not seen who paused it: let it run "
        "with "
        "QMP cont if it should");
    return;
  }
  if (destination_.order(&Hypervisor::resume)) await_resume();
  there = state_of(destination_);
}

void Settlement::settle_completed() {
  if (uses_postcopy(plan_.technique) != postcopy()) {
    outcome_->technique.ending = postcopy() ? Ending::kPostcopyAfterShare : Ending::kConverged;
  }
  await_resume();
  auto there = state_of(destination_);
  let_run_at_destination(there);
  if (record_.abort != GiveUp::kNone) {
    outcome_->remarks.push_back(record_.abort_reason + ", which came too late");
  }
  take_events_();
  if (!there && destination_.ended()) return settle_ended_destination();
  if (!there && !record_.seen.resume_us) return settle_unseen_destination();
  if (!there) {
    there = RunState::kRunning;  // as its RESUME said
    outcome_->remarks.emplace_back("the destination's monitor can't be asked any more");
  }
  const bool took_it = *there != RunState::kInmigrate;
  if (took_it && record_.seen.held_back) {
    conclude(OutcomeStatus::kFailed, VmRunsOn::kDestination,
             "somebody let the switchover go on before the guest's disks were whole there");
  } else if (*there == RunState::kRunning) {
    conclude(OutcomeStatus::kCompleted, VmRunsOn::kDestination, "");
  } else if (took_it &&
             (record_.seen.paused_as || record_.seen.resume_us || !migration_stopped_it())) {
    conclude(OutcomeStatus::kCompleted, VmRunsOn::kDestination, "");
    outcome_->remarks.push_back(
        fmt::format("the guest stands still at the destination ({})", word(there)));
  } else {
    conclude(
        OutcomeStatus::kFailed, VmRunsOn::kBothPaused,
        fmt::format("the destination has the guest but does not run it (state {})", word(there)));
  }
}

/// The source has given the guest away, and the destination can't be asked what became of it.
void Settlement::settle_unseen_destination() {
  conclude(OutcomeStatus::kFailed, VmRunsOn::kUnknown,
           fmt::format("the destination's monitor can't be reached any more; "
                       "the source has given the guest away and stays stopped, the destination may "
                       "run it: {}",
                       where_to_ask()));
}

void Settlement::settle_ended_destination() {
  const bool never_ran = !record_.seen.resume_us && !destination_.missed_events() && !postcopy();
  if (never_ran && take_guest_back()) {
    conclude(OutcomeStatus::kFailed, VmRunsOn::kSource,
             "the destination's QEMU ended before it ran the guest");
    return;
  }
  conclude(OutcomeStatus::kFailed, VmRunsOn::kUnknown,
           destination_.missed_events()
               ? "the destination's QEMU ended, and it was not seen whether it had run the guest; "
                 "the source stays stopped: " +
                     where_to_ask()
               : "the destination's QEMU ended after it had taken the guest over");
}

/// Tells the destination to end, and waits until it is known to have. True only if it never ran the
/// guest.
bool Settlement::end_destination() {
  if (destination_.ended()) return !destination_.missed_events();
  // `stop` keeps one that still receives from starting the guest in the very moment of `quit`.
  if (state_of(destination_) == RunState::kRunning) return false;
  if (!destination_.order(&Hypervisor::pause)) return false;
  record_.told_to_wait = true;
  const auto state = state_of(destination_);
  take_events_();
  if (record_.seen.resume_us) {  // it had begun to
    (void)destination_.order(&Hypervisor::resume);
    return false;
  }
  if (!state || *state == RunState::kRunning) return false;
  // A QEMU that has taken `quit` runs no guest any more, and closes its monitor when it ends.
  const bool told = destination_.order(&Hypervisor::quit).has_value();
  const TimePoint give_up = clock_.now() + kQuitPatience;
  while (!destination_.ended() && destination_.connected() && clock_.now() < give_up) {
    (void)clock_.wait_until(clock_.now() + kTick, {});
    (void)destination_.run_state();
  }
  take_events_();
  return (destination_.ended() || (told && !destination_.connected())) && !record_.seen.resume_us;
}

/// Lets the source run its guest on; first makes sure that no copy of it can run elsewhere.
bool Settlement::take_guest_back() {
  return end_destination() && source_.order(&Hypervisor::resume) &&
         state_of(source_) == RunState::kRunning;
}

// --- it was given up, or failed ---

std::string Settlement::failure_reason() {
  const MigrationStatus& status = record_.seen.status;
  const bool wanted = record_.abort == GiveUp::kUser || record_.abort == GiveUp::kDeadline ||
                      record_.abort == GiveUp::kLaw;
  if (destination_.ended() && !wanted) return "the destination's QEMU ended";
  if (record_.abort != GiveUp::kNone) return record_.abort_reason;
  if (status.phase == MigrationPhase::kCancelled) {
    return "somebody else cancelled it, by another monitor of the source";
  }
  if (status.phase == MigrationPhase::kPostcopyPaused) return "the link broke during post-copy";
  if (!is_final(status.phase)) {
    return fmt::format("it does not end (phase {})", to_string(status.phase));
  }
  std::string reason = status.error.empty() ? "QEMU gave up without saying why" : status.error;
  // The destination knows more of why it could not load what was sent.
  const auto received = destination_.migration_status();
  if (received && !received->error.empty()) reason += "; the destination: " + received->error;
  return reason;
}

OutcomeStatus Settlement::status_of_end() const {
  switch (record_.abort) {
    case GiveUp::kUser:
    case GiveUp::kLaw:
      return OutcomeStatus::kCancelled;
    case GiveUp::kDeadline:
      return OutcomeStatus::kDidNotConverge;
    case GiveUp::kNone:
      return record_.seen.status.phase == MigrationPhase::kCancelled ? OutcomeStatus::kCancelled
                                                                     : OutcomeStatus::kFailed;
    default:
      return OutcomeStatus::kFailed;
  }
}

/// QEMU says "failed" a moment before it lets the guest run on.
void Settlement::await_source_decision() {
  const TimePoint give_up = clock_.now() + kResumePatience;
  while (clock_.now() < give_up && state_of(source_) == RunState::kFinishMigrate) {
    (void)clock_.wait_until(clock_.now() + kTick, {});
  }
}

/// Cancelled, failed, stuck, or split by post-copy: the guest is at the source unless the
/// destination runs it.
void Settlement::settle_aborted() {
  const SessionView& seen = record_.seen;
  // All of the guest may be on its way although the stream was cut: it could still start there.
  if (seen.stop_us && !postcopy() && !seen.held_back && !record_.destination_held) await_resume();
  await_source_decision();
  take_events_();
  conclude(status_of_end(), VmRunsOn::kUnknown, failure_reason());
  const auto there = state_of(destination_);
  const auto here = state_of(source_);
  const bool went_over = postcopy() && (seen.resume_us || there == RunState::kRunning);
  if (went_over && is_final(seen.status.phase)) {
    settle_old_copy(there, here);
  } else if (here == RunState::kRunning) {
    outcome_->vm_runs_on = VmRunsOn::kSource;
    silence_the_copy(there);
  } else if (went_over) {
    settle_split();
  } else if (there == RunState::kRunning) {
    outcome_->vm_runs_on = VmRunsOn::kDestination;
  } else if (steer::stopped_by_migration(here) && is_final(seen.status.phase) && !seen.resume_us &&
             take_guest_back()) {
    outcome_->vm_runs_on = VmRunsOn::kSource;
  } else if (seen.resume_us && !postcopy() && state_of(destination_) == RunState::kRunning) {
    outcome_->vm_runs_on = VmRunsOn::kDestination;
  } else if (here && !steer::stopped_by_migration(here)) {
    // paused by a person, or by a disk that failed: it is where it was
    outcome_->vm_runs_on = VmRunsOn::kSource;
    outcome_->remarks.push_back(
        fmt::format("the guest stands still at the source ({})", word(here)));
    silence_the_copy(there);
  } else if (here && (there || destination_.ended())) {
    outcome_->vm_runs_on = VmRunsOn::kBothPaused;
  } else {
    outcome_->reason +=
        "; it is not known whether the destination runs the guest: " + where_to_ask();
  }
}

/// The guest is at the source. A destination that got all of it all the same must not run it.
void Settlement::silence_the_copy(std::optional<RunState> there) {
  if (there == RunState::kRunning) {
    const bool paused = destination_.order(&Hypervisor::pause).has_value();
    outcome_->reason += paused ? "; the destination had begun to run a copy and was paused: end it"
                               : "; THE DESTINATION RUNS A COPY and does not stop: end it at once";
  } else if (holds_still(there)) {
    const bool ended = destination_.order(&Hypervisor::quit).has_value();
    outcome_->remarks.emplace_back(
        ended ? "the destination had received all of the guest; it was ended, so that the copy "
                "can't run"
              : "the destination has received all of the guest and does not end: end it, so that "
                "the copy can't run");
  } else if (!there && !destination_.ended() && record_.seen.stop_us && !record_.destination_held) {
    outcome_->reason += fmt::format(
        "; all of it may have arrived, and the destination can't be asked: make sure that it has "
        "ended ({}) before the guest goes on",
        ends_.destination_end.name);
  }
}

/// Post-copy failed at its end, and QEMU let the source run on from the switchover: the guest has
/// gone on at the destination since, and its disks with it. The old copy must not run.
void Settlement::settle_old_copy(std::optional<RunState> there, std::optional<RunState> here) {
  const bool still = here != RunState::kRunning || source_.order(&Hypervisor::pause).has_value();
  const auto received = destination_.migration_status();
  const bool whole = received && received->phase == MigrationPhase::kCompleted;
  outcome_->reason += still ? "; the source's copy, which is as old as the switchover, stands still"
                            : "; THE SOURCE RUNS A COPY that is as old as the switchover: end it";
  if (whole && there == RunState::kRunning) {
    outcome_->vm_runs_on = VmRunsOn::kDestination;
    outcome_->reason += "; the guest is well over";
  } else if (destination_.ended()) {
    outcome_->reason += "; what the guest did since is lost, but for its disks";
  } else {
    outcome_->vm_runs_on = still ? VmRunsOn::kBothPaused : VmRunsOn::kUnknown;
    outcome_->reason +=
        "; the destination has the guest, and may lack a part of it: " + where_to_ask();
  }
}

/// Post-copy: either side has what the other one lacks.
void Settlement::settle_split() {
  if (destination_.ended()) {
    outcome_->vm_runs_on = VmRunsOn::kUnknown;
    outcome_->reason += " while it held a part of the guest: the guest is lost";
    return;
  }
  // A destination that is mute waits for memory; of one that is out of reach nothing is known.
  const bool reached = destination_.connected();
  outcome_->vm_runs_on = reached ? VmRunsOn::kBothPaused : VmRunsOn::kUnknown;
  outcome_->reason += fmt::format(
      "{} both sides hold a part of the guest. To recover it once the link is back: on the "
      "destination ({}) QMP migrate-recover with a free address as \"uri\", then on the source "
      "({}) QMP migrate with that \"uri\" and \"resume\": true",
      reached ? ":"
              : "; the destination can't be reached. If its QEMU has ended, the guest is lost; "
                "else",
      ends_.destination_end.name, ends_.source_end.name);
}

// --- the source can't be asked ---

void Settlement::settle_without_source() {
  const bool before_launch = !record_.seen.launched || record_.seen.held_back;
  if (!before_launch) await_resume();
  auto there = state_of(destination_);
  bool whole = there == RunState::kRunning && !postcopy();
  if (there == RunState::kRunning && postcopy()) {
    const auto received = destination_.migration_status();
    whole = received && received->phase == MigrationPhase::kCompleted;
  }
  if (source_.ended() && holds_still(there) && !postcopy() && !record_.seen.paused_as) {
    let_run_at_destination(there);
    whole = there == RunState::kRunning;
  }
  const std::string source = source_.ended()        ? "the source's QEMU ended"
                             : !source_.connected() ? "the connection to the source's monitor was "
                                                      "lost and did not come back"
                                                    : "the source's monitor fell silent";
  if (whole) {
    return conclude(
        OutcomeStatus::kFailed, VmRunsOn::kDestination,
        fmt::format("{} ({}) after it had given the guest away: the guest is well over, "
                    "and nothing else was seen of the end",
                    source, ends_.source_end.name));
  }
  if (!source_.ended()) {
    return conclude(OutcomeStatus::kFailed, VmRunsOn::kUnknown,
                    fmt::format("{} during the migration, which may go on by itself; nothing was "
                                "cancelled: {}",
                                source, where_to_ask()));
  }
  conclude(
      OutcomeStatus::kFailed, VmRunsOn::kUnknown,
      source + (destination_.ended() ? ", and so did the destination's" : " during the migration"));
}

}  // namespace godwit::pair
