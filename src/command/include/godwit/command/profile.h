#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/technique.h"

/// How a hypervisor is driven by its command line: docs/command-driver.md describes the file.

namespace godwit::command {

/// A program and its arguments, with {placeholders}; empty: the profile has no such command.
using Arguments = std::vector<std::string>;

/// Regular expressions (POSIX extended, ^ and $ at each line) with {placeholders}; all of them must
/// be found. Empty: never true.
using Patterns = std::vector<std::string>;

struct CommandProfile {
  std::string name;
  std::string about;
  bool tested_for_real = false;  ///< else only against stand-in commands
  Technique technique;
  bool waits = true;  ///< `migrate` ends when the migration has; else `status` is polled
  bool plain_values =
      false;             ///< a command hands its values to a shell: they must be harmless there
  Seconds poll{0.5};     ///< between two looks at the status
  Seconds patience{60};  ///< for any command but `migrate`

  Arguments start, migrate, status, cancel, stop;
  /// What `status`, asked about one side, shows when the VM runs, is paused or is not there.
  Patterns running, paused, absent;
  Patterns failed;  ///< of a migration that is polled: asked at the source, it has failed

  std::map<std::string, std::string> variables;  ///< what the user gives → what it is
  bool both_ways = false;  ///< each variable of a side has its fellow: the VM can be moved back
};

/// kBadInput with the line and what to do: not TOML, unknown or missing keys, unknown placeholders,
/// variables that nothing uses, expressions that cannot be meant. Any thread.
Result<CommandProfile> parse_profile(std::string_view toml);

}  // namespace godwit::command
