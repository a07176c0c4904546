#include "command_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "run_command.h"

namespace godwit::command {
namespace {

/// A status may lag behind the end of the migrate command.
constexpr Seconds kSettlePatience{10};

}  // namespace

CommandSession::CommandSession(CommandDriver& driver, std::stop_token stop)
    : driver_(driver), clock_(*driver.clock_), profile_(driver.profile_), stop_(std::move(stop)) {}

Result<void> CommandSession::prepare(const MigrationPlan& plan) {
  max_time_ = plan.max_time;
  GODWIT_TRY(const Whereabouts now, driver_.where(stop_));
  if (now.vm == VmRunsOn::kSource) return {};
  return fail(
      ErrorCode::kRefused,
      fmt::format("the VM does not run on the source, for all that is known ({})", now.said),
      {"start it there, correct what ", Setting::kVariable, " says, or the profile's [status]"});
}

/// An error only when the command was not started.
Result<void> CommandSession::start() {
  seen_.started = seen_.launched_at = seen_.last_answer = seen_.last_progress = clock_.now();
  seen_.started_wall_us = seen_.launched_wall_us = clock_.wall_us();
  GODWIT_TRY(Process started, launch(driver_.filled(profile_.migrate, Side::kSource)));
  process_.emplace(std::move(started));
  seen_.launched = true;
  seen_.status.phase = MigrationPhase::kActive;
  return {};
}

// --- while it runs ---

/// A command line tells nothing on the way: standing still is not seen.
std::vector<PassSync> CommandSession::watch(TimePoint deadline) {
  if (process_) {
    follow(deadline);
  } else if (!ended_) {
    poll(deadline);
  }
  seen_.last_answer = seen_.last_progress = clock_.now();
  return {};
}

/// The migrate command; where it returns at once, its status is asked from then on.
void CommandSession::follow(TimePoint deadline) {
  if (process_->follow(clock_, deadline, {}) != Process::Seen::kEnded) {
    if (profile_.waits || clock_.now() - seen_.started < profile_.patience) return;
    say("the migrate command did not return");
    why_ = GiveUp::kDeadLink;
    return run_cancel();
  }
  note_end();
  if (profile_.waits || !well_) return over();
  well_ = false;
  ended_.reset();
  look();
}

/// A command that somebody killed tells nothing of the migration that it ordered.
void CommandSession::note_end() {
  const ProcessEnd end = *process_->end();
  if (!end.signalled) ended_ = clock_.now();
  well_ = end.well();
  if (!well_) {
    say(refusal(driver_.filled(profile_.migrate, Side::kSource), end, process_->err()).message);
  }
  process_.reset();
}

void CommandSession::poll(TimePoint deadline) {
  (void)clock_.wait_until(std::min(deadline, next_look_), {});
  if (clock_.now() >= next_look_) look();
}

/// Is it over, by what the status says? An error comes after the start: it is the outcome's.
void CommandSession::look() {
  next_look_ = clock_.now() + profile_.poll;
  const CommandDriver::Patience patience{profile_.patience, stop_};
  const auto source = driver_.look(Side::kSource, patience);
  const auto destination = source ? driver_.look(Side::kDestination, patience) : source;
  if (!destination) {
    if (stop_.stop_requested()) return;
    say(destination.error().message);
    return over();
  }
  well_ = CommandDriver::vm_by(*source, *destination) == VmRunsOn::kDestination;
  if (source->says_failed && !well_) say("the status says that the migration failed");
  if (!well_ && !source->says_failed) return;
  ended_ = clock_.now();
  over();
}

/// There is nothing more to be seen of it.
void CommandSession::over() {
  seen_.status.phase = well_ ? MigrationPhase::kCompleted : MigrationPhase::kFailed;
  if (ended_) seen_.status.total_time = *ended_ - seen_.started;
}

Result<void> CommandSession::amend(const Order& order) {
  (void)order;
  return fail(ErrorCode::kUnsupported, "a command line has no limits to be changed");
}

/// Cancels what can be cancelled; the command does not outlive it.
bool CommandSession::cancel(GiveUp why, const std::string& reason) {
  why_ = why;
  if (why == GiveUp::kDeadline && max_time_) {
    say(fmt::format("it took longer than {:g} s", max_time_->count()));
  } else {
    say(why == GiveUp::kUser ? "stopped on request" : reason);
  }
  run_cancel();
  return true;
}

void CommandSession::run_cancel() {
  seen_.gave_up_at = clock_.now();
  bool cancelled = false;
  if (profile_.cancel.empty()) {
    say("the profile has no cancel command");
  } else {
    const auto done = driver_.run(profile_.cancel, Side::kSource, {profile_.patience, {}});
    cancelled = done.has_value();
    say(done ? "cancelled" : "it could not be cancelled: " + done.error().message);
  }
  if (!process_) {
    if (cancelled) ended_ = clock_.now();
  } else if (cancelled && process_->follow(clock_, clock_.now() + profile_.patience, {}) ==
                              Process::Seen::kEnded) {
    well_ = process_->end()->well();
    if (!process_->end()->signalled) ended_ = clock_.now();
  } else {
    process_->end_group(clock_, kGrace);
  }
  process_.reset();
  over();
}

// --- the end ---

void CommandSession::settle(MigrationOutcome& outcome, const std::stop_token&) {
  outcome.technique = profile_.technique;
  outcome.requested.technique = to_string(profile_.technique);
  const auto wanted = well_ ? std::optional(VmRunsOn::kDestination) : std::nullopt;
  const Seconds patience = std::min(profile_.patience, kSettlePatience);
  const auto now = driver_.await(wanted, {patience, {}});
  conclude(now ? *now : Whereabouts{VmRunsOn::kUnknown, now.error().message}, outcome);
  outcome.reason = reason_;
}

void CommandSession::conclude(const Whereabouts& now, MigrationOutcome& outcome) {
  const bool arrived = now.vm == VmRunsOn::kDestination;
  // nothing but the status tells that a polled one is done, also when a cancel came too late for it
  const bool polled_late = !profile_.waits && why_ != GiveUp::kNone;
  const bool completed = arrived && (well_ || polled_late);
  outcome.vm_runs_on = now.vm;
  outcome.status = completed                   ? OutcomeStatus::kCompleted
                   : why_ == GiveUp::kDeadline ? OutcomeStatus::kDidNotConverge
                   : why_ == GiveUp::kUser     ? OutcomeStatus::kCancelled
                                               : OutcomeStatus::kFailed;
  if (completed) {
    reason_.clear();
    return;
  }
  if (well_) say("the migrate command ended well, but the VM is not seen on the destination alone");
  if (!ended_ && !arrived) {
    say("the migration may go on");
    outcome.vm_runs_on = VmRunsOn::kUnknown;
  }
  if (outcome.vm_runs_on == VmRunsOn::kUnknown) say(fmt::format("asked last, {}", now.said));
}

/// Where it was seen last: control examines the guest only where it is known to run.
std::optional<RunState> CommandSession::run_state(Side side) {
  (void)side;
  return std::nullopt;
}

void CommandSession::release(MigrationOutcome& outcome) {
  outcome.given_back = true;  // nothing is borrowed
}

void CommandSession::say(std::string_view part) {
  reason_ += fmt::format("{}{}", reason_.empty() ? "" : "; ", part);
}

}  // namespace godwit::command
