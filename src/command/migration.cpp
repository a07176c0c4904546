#include "migration.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "run_command.h"

namespace godwit::command {
namespace {

/// The guest must answer for the first time within it.
constexpr Seconds kProbePatience{5};
/// The probe's late answers are worth waiting for: they tell delayed from lost.
constexpr Seconds kProbeLinger{0.3};
constexpr Seconds kLookAgain{0.05};
/// A status may lag behind the end of the migrate command.
constexpr Seconds kSettlePatience{10};
constexpr Seconds kLeastPatience{0.01};

std::optional<Bytes> counted(WireCounter* wire) {
  if (wire == nullptr) return std::nullopt;
  const auto sent = wire->sent();
  return sent ? std::optional(*sent) : std::nullopt;
}

}  // namespace

Migration::Migration(CommandDriver& driver, const Instruments& instruments, Seconds max_time,
                     std::stop_token stop)
    : driver_(driver),
      clock_(*driver.clock_),
      profile_(driver.profile_),
      instruments_(instruments),
      max_time_(max_time),
      stop_(std::move(stop)) {
  outcome_.technique = profile_.technique;
  outcome_.requested.technique = to_string(profile_.technique);
}

Result<MigrationOutcome> Migration::run() {
  GODWIT_CHECK_OK(check_before());
  if (instruments_.probe != nullptr) {
    GODWIT_CHECK_OK(instruments_.probe->start(kProbePatience));
  }
  const auto before = counted(instruments_.wire);
  if (auto started = order(); !started) {
    stop_probe();
    return fail(std::move(started).error());
  }
  settle();
  const auto after = counted(instruments_.wire);
  if (before && after && *after >= *before) outcome_.transferred.wire = *after - *before;
  examine();
  stop_probe();
  return std::move(outcome_);
}

Result<void> Migration::check_before() {
  GODWIT_TRY(const Whereabouts now, driver_.where(stop_));
  if (now.vm == VmRunsOn::kSource) return {};
  return fail(
      ErrorCode::kRefused,
      fmt::format("the VM does not run on the source, for all that is known ({})", now.said),
      {"start it there, correct what ", Setting::kVariable, " says, or the profile's [status]"});
}

/// An error only when the command was not started.
Result<void> Migration::order() {
  if (stop_.stop_requested()) return fail(stopped_on_request());
  outcome_.started_wall_us = clock_.wall_us();
  began_ = clock_.now();
  deadline_ = began_ + max_time_;
  GODWIT_TRY(Process process, launch(driver_.filled(profile_.migrate, Side::kSource)));
  return profile_.waits ? follow(process) : poll(process);
}

Result<void> Migration::follow(Process& process) {
  switch (process.follow(clock_, deadline_, stop_)) {
    case Process::Seen::kEnded:
    case Process::Seen::kMatched:
      note_end(process);
      return {};
    case Process::Seen::kDeadline:
      how_ = Ended::kLate;
      break;
    case Process::Seen::kStopped:
      how_ = Ended::kStopped;
      break;
  }
  give_up(&process);
  return {};
}

/// A command that somebody killed tells nothing of the migration that it ordered.
void Migration::note_end(const Process& process) {
  const ProcessEnd end = *process.end();
  if (!end.signalled) ended_ = clock_.now();
  well_ = end.well();
  if (!well_) {
    say(refusal(driver_.filled(profile_.migrate, Side::kSource), end, process.err()).message);
  }
}

/// Is it time to give up?
bool Migration::interrupted() {
  if (stop_.stop_requested()) {
    how_ = Ended::kStopped;
  } else if (clock_.now() >= deadline_) {
    how_ = Ended::kLate;
  }
  return how_ != Ended::kByItself;
}

Result<void> Migration::poll(Process& process) {
  const TimePoint patience = std::min(deadline_, clock_.now() + profile_.patience);
  if (process.follow(clock_, patience, stop_) != Process::Seen::kEnded) {
    if (!interrupted()) say("the migrate command did not return");
    give_up(&process);
    return {};
  }
  note_end(process);
  if (!well_) return {};
  well_ = false;
  ended_.reset();
  for (;;) {
    if (interrupted()) {
      give_up(nullptr);
      return {};
    }
    // an error here comes after the start: it is the outcome's
    const auto over = polled_once();
    if (!over) say(over.error().message);
    if (!over || *over) return {};
    (void)clock_.wait_until(std::min(deadline_, clock_.now() + profile_.poll), stop_);
  }
}

/// Is it over, by what the status says?
Result<bool> Migration::polled_once() {
  const Seconds left = std::max(kLeastPatience, deadline_ - clock_.now());
  const CommandDriver::Patience patience{std::min(profile_.patience, left), stop_};
  GODWIT_TRY(const auto source, driver_.look(Side::kSource, patience));
  GODWIT_TRY(const auto destination, driver_.look(Side::kDestination, patience));
  well_ = CommandDriver::vm_by(source, destination) == VmRunsOn::kDestination;
  if (source.says_failed && !well_) say("the status says that the migration failed");
  if (!well_ && !source.says_failed) return false;
  ended_ = clock_.now();
  return true;
}

/// Cancels what can be cancelled; the command does not outlive it.
void Migration::give_up(Process* process) {
  if (how_ == Ended::kLate) say(fmt::format("it took longer than {:g} s", max_time_.count()));
  if (how_ == Ended::kStopped) say("stopped on request");
  const bool cancelled = cancel();
  if (process == nullptr) {
    if (cancelled) ended_ = clock_.now();
    return;
  }
  if (cancelled) {
    (void)process->follow(clock_, clock_.now() + profile_.patience, {});
  }
  if (process->end()) {
    if (!process->end()->signalled) ended_ = clock_.now();
    well_ = process->end()->well();
  } else {
    process->end_group(clock_, kGrace);
  }
}

bool Migration::cancel() {
  if (profile_.cancel.empty()) {
    say("the profile has no cancel command");
    return false;
  }
  const auto done = driver_.run(profile_.cancel, Side::kSource, {profile_.patience, {}});
  say(done ? "cancelled" : "it could not be cancelled: " + done.error().message);
  return done.has_value();
}

void Migration::settle() {
  const auto wanted = well_ ? std::optional(VmRunsOn::kDestination) : std::nullopt;
  const Seconds patience = std::min(profile_.patience, kSettlePatience);
  auto now = driver_.await(wanted, {patience, {}});
  conclude(now ? *now : Whereabouts{VmRunsOn::kUnknown, now.error().message});
}

void Migration::conclude(const Whereabouts& now) {
  const bool arrived = now.vm == VmRunsOn::kDestination;
  // nothing but the status tells that a polled one is done, also when a cancel came too late for it
  const bool polled_late = !profile_.waits && how_ != Ended::kByItself;
  const bool completed = arrived && (well_ || polled_late);
  outcome_.vm_runs_on = now.vm;
  outcome_.status = completed                 ? OutcomeStatus::kCompleted
                    : how_ == Ended::kLate    ? OutcomeStatus::kDidNotConverge
                    : how_ == Ended::kStopped ? OutcomeStatus::kCancelled
                                              : OutcomeStatus::kFailed;
  if (ended_) outcome_.total_time = *ended_ - began_;
  if (completed) {
    outcome_.reason.clear();
    return;
  }
  if (well_) say("the migrate command ended well, but the VM is not seen on the destination alone");
  if (!ended_ && !arrived) {
    say("the migration may go on");
    outcome_.vm_runs_on = VmRunsOn::kUnknown;
  }
  if (outcome_.vm_runs_on == VmRunsOn::kUnknown) say(fmt::format("asked last, {}", now.said));
}

/// Does the guest answer, now that it is settled where it runs?
void Migration::examine() {
  GuestOutcome& guest = outcome_.guest;
  guest.evidence = "nobody could look inside";
  if (instruments_.probe == nullptr) return;
  const std::int64_t since = clock_.wall_us();
  const TimePoint give_up = clock_.now() + kProbePatience;
  while (!instruments_.probe->answered_since(since) && clock_.now() < give_up) {
    (void)clock_.wait_until(clock_.now() + kLookAgain, {});
  }
  guest.alive = instruments_.probe->answered_since(since);
  guest.evidence = *guest.alive ? "it answers pings" : "it answers no pings";
}

void Migration::stop_probe() {
  if (instruments_.probe == nullptr) return;
  if (const auto seen = instruments_.probe->stop(kProbeLinger)) {
    outcome_.downtime.probe = seen->outage();
  }
}

void Migration::say(std::string_view part) {
  outcome_.reason += fmt::format("{}{}", outcome_.reason.empty() ? "" : "; ", part);
}

}  // namespace godwit::command
