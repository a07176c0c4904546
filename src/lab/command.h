#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::lab {

struct Command {
  std::vector<std::string> arguments;  ///< the program first; never a shell's string
  std::string package{};               ///< Debian's, to name when the program is missing
  std::optional<std::string> netns{};  ///< path of the network namespace to run it in
  Seconds patience{10};
  int keep_open = -1;   ///< a descriptor that it inherits besides stdout and stderr
  std::string until{};  ///< ended as soon as it has written this to stdout; empty: runs to its end
};

struct CommandEnd {
  enum class How { kExited, kSignalled, kTimedOut, kMatched };
  How how = How::kExited;
  int status = 0;  ///< exit status or signal
  std::string out;
  std::string err;
};

/// Runs a program to its end, or kills it. kEnvironment when there is no such program.
Result<CommandEnd> run_to_end(const Command& command);

/// Its stdout; anything but exit status 0 is an error that quotes its stderr.
Result<std::string> run_command(const Command& command);

/// The program's path in $PATH or the system folders that ordinary users' $PATH lacks.
Result<std::string> find_program(const std::string& name, const std::string& package);

}  // namespace godwit::lab
