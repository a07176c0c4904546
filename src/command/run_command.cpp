#include "run_command.h"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::command {
namespace {

/// Far more than any status is long; expressions are looked for in all of it.
constexpr std::size_t kMostKept = std::size_t{64} << 10;
constexpr std::size_t kLongestQuote = 300;

std::string joined(const Arguments& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line.size() <= kLongestQuote ? line : line.substr(0, kLongestQuote) + "...";
}

}  // namespace

std::string last_words(const std::string& text) {
  std::string line = last_line(text);
  if (line.size() > kLongestQuote) line = line.substr(0, kLongestQuote) + "...";
  std::replace_if(
      line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, '?');
  return line;
}

Result<std::string> installed(const std::string& program) {
  if (auto path = program_path(program)) return *path;
  return fail(ErrorCode::kEnvironment, fmt::format("the program {} is missing", program),
              "install it here, or put its folder into PATH");
}

Result<Process> launch(const Arguments& command) {
  ProcessSpec spec;
  GODWIT_TRY(spec.program, installed(command.front()));
  spec.arguments = command;
  spec.most_kept = kMostKept;
  return Process::start(spec);
}

Result<Ran> run_to_end(const Clock& clock, const Arguments& command, Seconds patience,
                       const std::stop_token& stop) {
  GODWIT_TRY(Process process, launch(command));
  Ran ran;
  ran.seen = process.follow(clock, clock.now() + patience, stop);
  if (ran.seen != Process::Seen::kEnded) process.end_group(clock, kGrace);
  ran.end = *process.end();
  ran.out = process.out();
  ran.err = process.err();
  return ran;
}

Error stopped_on_request() {
  return {ErrorCode::kInterrupted, "stopped on request", "see where the VM is"};
}

Error refusal(const Arguments& command, const ProcessEnd& end, const std::string& err) {
  const std::string how = end.signalled
                              ? fmt::format("was ended by signal {}", end.number)
                              : fmt::format("failed ({}): {}", end.number, last_words(err));
  return {ErrorCode::kRefused, fmt::format("'{}' {}", joined(command), how),
          "see what the program says"};
}

}  // namespace godwit::command
