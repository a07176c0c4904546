#include "godwit/command/driver.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "command_session.h"
#include "pattern.h"
#include "placeholders.h"
#include "run_command.h"

namespace godwit::command {
namespace {

constexpr std::size_t kLongestValue = 300;

Error bad(std::string message, Remedy what_to_do) {
  return {ErrorCode::kBadInput, std::move(message), std::move(what_to_do)};
}

/// Letters, digits and what addresses are made of: nothing to a shell, cmd.exe or PowerShell.
bool is_plain(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-:/@+=").find(c) != std::string_view::npos;
  });
}

Result<void> check_value(const CommandProfile& profile, const std::string& name,
                         const std::string& value) {
  const bool controls = std::any_of(value.begin(), value.end(),
                                    [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
  if (value.empty() || value.size() > kLongestValue || controls || value.front() == '-') {
    return fail(bad(fmt::format("the value of {} cannot be meant: it is empty, too long, begins "
                                "with '-' or has a control character in it",
                                name),
                    "give a plain name or address"));
  }
  if (profile.plain_values && !is_plain(value)) {
    return fail(bad(fmt::format("{}: '{}' has characters that a shell at the other end of {}'s "
                                "commands may take for its own",
                                name, value, profile.name),
                    "use names of letters, digits and ._-:/@+= only"));
  }
  return {};
}

Result<void> check_values(const CommandProfile& profile, const Values& given) {
  for (const auto& [name, value] : given) {
    if (profile.variables.contains(name)) continue;
    std::string known;
    for (const auto& [one, what] : profile.variables) known += " " + one;
    return fail(bad(fmt::format("profile {} has no variable '{}'", profile.name, name),
                    known.empty() ? "it has none" : "it has:" + known));
  }
  for (const auto& [name, what] : profile.variables) {
    const auto value = given.find(name);
    if (value == given.end()) {
      return fail(bad(fmt::format("the variable {} is missing: {}", name, what),
                      {"give it: ", {Setting::kVariable, name + "=VALUE"}}));
    }
    GODWIT_CHECK_OK(check_value(profile, name, value->second));
  }
  return {};
}

Result<void> check_installed(const CommandProfile& profile) {
  for (const Arguments* command :
       {&profile.start, &profile.migrate, &profile.status, &profile.cancel, &profile.stop}) {
    if (!command->empty()) GODWIT_CHECK_OK(installed(command->front()));
  }
  return {};
}

Result<void> no_command(const CommandProfile& profile, std::string_view name) {
  return fail(ErrorCode::kUnsupported,
              fmt::format("profile {} has no command to {} a VM", profile.name, name),
              fmt::format("{} it yourself, or add the command to the profile", name));
}

/// All of them; false for none at all.
bool all_found(const Patterns& patterns, const Values& values, const std::string& text) {
  return !patterns.empty() &&
         std::all_of(patterns.begin(), patterns.end(), [&](const std::string& one) {
           return found_in(fill(one, values, quoted_for_regex), text);
         });
}

}  // namespace

CommandDriver::CommandDriver(Clock& clock, CommandProfile profile, Values values)
    : clock_(&clock), profile_(std::move(profile)), values_(std::move(values)) {}

Result<CommandDriver> CommandDriver::make(Clock& clock, CommandProfile profile,
                                          const std::string& vm, const Values& variables) {
  GODWIT_CHECK_OK(check_value(profile, "the VM's name", vm));
  GODWIT_CHECK_OK(check_values(profile, variables));
  GODWIT_CHECK_OK(check_installed(profile));
  Values values = variables;
  values["vm"] = vm;
  return CommandDriver(clock, std::move(profile), std::move(values));
}

void CommandDriver::turn_round() {
  values_ = swapped(values_);
}

Arguments CommandDriver::filled(const Arguments& command, Side side) const {
  const Values values = seen_from(values_, side == Side::kSource);
  Arguments arguments;
  for (const std::string& one : command) arguments.push_back(fill(one, values, unquoted));
  return arguments;
}

CommandDriver::Look CommandDriver::judge(Side side, bool well, const std::string& out,
                                         const std::string& err) const {
  using Seen = Look::Seen;
  const Values values = seen_from(values_, side == Side::kSource);
  const std::string all = out + "\n" + err;
  // That a VM is not there may be told by an error; that it runs, never.
  const bool running = well && all_found(profile_.running, values, out);
  const bool paused = well && all_found(profile_.paused, values, out);
  const bool absent = all_found(profile_.absent, values, all);
  Look look;
  look.says_failed = all_found(profile_.failed, values, all);
  if (int{running} + int{paused} + int{absent} == 1) {
    look.seen = running ? Seen::kRunning : paused ? Seen::kPaused : Seen::kAbsent;
    look.said = running ? "runs" : paused ? "paused" : "not there";
  } else {
    look.said = fmt::format("cannot tell ('{}')", last_words(well ? out : all));
  }
  return look;
}

Result<CommandDriver::Look> CommandDriver::look(Side side, const Patience& patience) {
  const Arguments command = filled(profile_.status, side);
  GODWIT_TRY(const Ran ran, run_to_end(*clock_, command, patience.most, patience.stop));
  if (ran.seen == Process::Seen::kEnded) return judge(side, ran.end.well(), ran.out, ran.err);
  Look look;
  look.said = "no answer";
  return look;
}

Result<void> CommandDriver::run(const Arguments& command, Side side, const Patience& patience) {
  const Arguments arguments = filled(command, side);
  GODWIT_TRY(const Ran ran, run_to_end(*clock_, arguments, patience.most, patience.stop));
  if (ran.seen == Process::Seen::kStopped) return fail(stopped_on_request());
  if (ran.seen == Process::Seen::kDeadline) {
    return fail(
        ErrorCode::kTimeout,
        fmt::format("'{}' did not end within {:g} s", arguments.front(), patience.most.count()),
        "see what keeps it; the profile's `patience` says how long it may take");
  }
  return ran.end.well() ? Result<void>{} : fail(refusal(arguments, ran.end, ran.err));
}

/// Told only when both sides are: one that cannot be asked may have a second copy.
VmRunsOn CommandDriver::vm_by(const Look& source, const Look& destination) {
  using Seen = Look::Seen;
  const auto both = [&](Seen s, Seen d) { return source.seen == s && destination.seen == d; };
  if (both(Seen::kRunning, Seen::kAbsent) || both(Seen::kRunning, Seen::kPaused)) {
    return VmRunsOn::kSource;
  }
  if (both(Seen::kAbsent, Seen::kRunning) || both(Seen::kPaused, Seen::kRunning)) {
    return VmRunsOn::kDestination;
  }
  return both(Seen::kPaused, Seen::kPaused) ? VmRunsOn::kBothPaused : VmRunsOn::kUnknown;
}

Result<Whereabouts> CommandDriver::where(const std::stop_token& stop) {
  return await(std::nullopt, {Seconds(0), stop});
}

Result<Whereabouts> CommandDriver::await(std::optional<VmRunsOn> wanted, const Patience& patience) {
  const TimePoint give_up = clock_->now() + patience.most;
  for (;;) {
    GODWIT_TRY(const Look source, look(Side::kSource, {profile_.patience, patience.stop}));
    GODWIT_TRY(const Look destination,
               look(Side::kDestination, {profile_.patience, patience.stop}));
    Whereabouts now{vm_by(source, destination), {}};
    now.said = fmt::format("source: {}, destination: {}", source.said, destination.said);
    if (patience.stop.stop_requested()) return fail(stopped_on_request());
    const bool answered = wanted ? now.vm == *wanted : now.vm != VmRunsOn::kUnknown;
    if (answered || clock_->now() >= give_up) return now;
    const TimePoint next = std::min(give_up, clock_->now() + profile_.poll);
    if (!clock_->wait_until(next, patience.stop)) return fail(stopped_on_request());
  }
}

Result<void> CommandDriver::start(const std::stop_token& stop) {
  if (profile_.start.empty()) return no_command(profile_, "start");
  GODWIT_CHECK_OK(run(profile_.start, Side::kSource, {profile_.patience, stop}));
  GODWIT_TRY(const Whereabouts now, await(VmRunsOn::kSource, {profile_.patience, stop}));
  if (now.vm == VmRunsOn::kSource) return {};
  return fail(ErrorCode::kTimeout,
              fmt::format("the VM was started, but does not run on the source ({})", now.said),
              "see what the hypervisor says of it");
}

Result<void> CommandDriver::stop_vm(const std::stop_token& stop) {
  if (profile_.stop.empty()) return no_command(profile_, "stop");
  GODWIT_TRY(const Whereabouts now, where(stop));
  if (now.vm != VmRunsOn::kSource && now.vm != VmRunsOn::kDestination) {
    return fail(
        ErrorCode::kRefused,
        fmt::format("the VM was not stopped: it is not certain where it runs ({})", now.said),
        "find it by the hypervisor's own means");
  }
  const Side side = now.vm == VmRunsOn::kSource ? Side::kSource : Side::kDestination;
  return run(profile_.stop, side, {profile_.patience, stop});
}

std::unique_ptr<MigrationSession> CommandDriver::session(std::stop_token stop) {
  return std::make_unique<CommandSession>(*this, std::move(stop));
}

}  // namespace godwit::command
