#include "command.h"

#include "godwit/base/clock.h"
#include "godwit/base/process.h"
#include "netns.h"

namespace godwit::lab {
namespace {

Result<CommandEnd> run_here(const std::string& program, const Command& command) {
  const RealClock clock;
  ProcessSpec spec;
  spec.program = program;
  spec.arguments = command.arguments;
  spec.keep_open = command.keep_open;
  GODWIT_TRY(Process process, Process::start(spec));
  const Process::Seen seen =
      process.follow(clock, clock.now() + command.patience, {}, command.until);
  CommandEnd end;
  end.out = process.out();
  end.err = process.err();
  if (seen == Process::Seen::kMatched) end.how = CommandEnd::How::kMatched;
  if (seen == Process::Seen::kDeadline) end.how = CommandEnd::How::kTimedOut;
  if (seen == Process::Seen::kEnded) {
    if (process.end()->signalled) end.how = CommandEnd::How::kSignalled;
    end.status = process.end()->number;
  }
  return end;
}

std::string joined(const std::vector<std::string>& words, std::size_t most) {
  std::string line;
  for (std::size_t i = 0; i < words.size() && i < most; ++i) {
    if (i > 0) line += ' ';
    line += words[i];
  }
  return line;
}

}  // namespace

Result<std::string> find_program(const std::string& name, const std::string& package) {
  if (auto path = program_path(name)) return *path;
  return fail(ErrorCode::kEnvironment, fmt::format("the program {} is missing", name),
              fmt::format("install it with: apt-get install {} (or ./dev setup)", package));
}

Result<CommandEnd> run_to_end(const Command& command) {
  GODWIT_TRY(const std::string program, find_program(command.arguments.front(), command.package));
  return in_netns(command.netns, [&] { return run_here(program, command); });
}

Result<std::string> run_command(const Command& command) {
  GODWIT_TRY(CommandEnd end, run_to_end(command));
  if (end.how == CommandEnd::How::kExited && end.status == 0) return std::move(end.out);
  const std::string what = joined(command.arguments, 12);
  if (end.how == CommandEnd::How::kTimedOut) {
    return fail(ErrorCode::kTimeout,
                fmt::format("'{}' did not end within {:.0f} s", what, command.patience.count()),
                "the machine may be overloaded: try again");
  }
  const std::string why = end.how == CommandEnd::How::kSignalled
                              ? fmt::format("was ended by signal {}", end.status)
                              : fmt::format("failed ({}): {}", end.status, last_line(end.err));
  const bool no_right = end.err.find("Operation not permitted") != std::string::npos ||
                        end.err.find("Permission denied") != std::string::npos;
  return fail(no_right ? ErrorCode::kPermission : ErrorCode::kEnvironment,
              fmt::format("'{}' {}", what, why),
              no_right ? "run it as root" : "see what the program says");
}

}  // namespace godwit::lab
