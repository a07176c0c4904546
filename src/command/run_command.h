#pragma once

#include <string>

#include "godwit/base/process.h"
#include "godwit/command/profile.h"

/// Private to command: runs a filled-in command.

namespace godwit::command {

/// How a command went that was waited for.
struct Ran {
  Process::Seen seen = Process::Seen::kEnded;
  ProcessEnd end;  ///< where it was ended for its deadline or a stop, by us
  std::string out;
  std::string err;
};

/// kEnvironment, naming the program, when it is not installed.
Result<std::string> installed(const std::string& program);

/// kEnvironment when it is not installed.
Result<Process> launch(const Arguments& command);

/// To its end, or until patience or stop ends it with all that it started.
Result<Ran> run_to_end(const Clock& clock, const Arguments& command, Seconds patience,
                       const std::stop_token& stop);

/// "'virsh domstate vm' failed (1): what it said last": kRefused.
Error refusal(const Arguments& command, const ProcessEnd& end, const std::string& err);

/// kInterrupted.
Error stopped_on_request();

/// What a program said last, fit for one line of ours.
std::string last_words(const std::string& text);

/// How long a command that is to end may take for it before it is killed.
inline constexpr Seconds kGrace{2};

}  // namespace godwit::command
