#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/command/profile.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"
#include "godwit/domain/session.h"

namespace godwit::command {

/// Where the status command says that the VM runs, and what it said of each side, in one line.
/// kUnknown whenever one side cannot be told, both claim it, or neither does.
struct Whereabouts {
  VmRunsOn vm = VmRunsOn::kUnknown;
  std::string said;
};

/// One VM on any hypervisor that has a command line. Commands are run without a shell, in a process
/// group of their own; what they write is bounded; one that hangs is ended with its group. Not
/// thread-safe. Errors: kEnvironment when a program is not installed, kRefused when a command ended
/// with another status than 0 (quoting the last line of its stderr), kTimeout when it hung,
/// kInterrupted after a stop.
class CommandDriver {
 public:
  /// kBadInput for variables that are missing, unknown or hold what no command should be given;
  /// kEnvironment for a program that is not installed. Nothing is run. `clock` outlives the driver.
  static Result<CommandDriver> make(Clock& clock, CommandProfile profile, const std::string& vm,
                                    const std::map<std::string, std::string>& variables);

  /// Starts the VM on the source and waits until it runs there. kUnsupported without such a
  /// command.
  Result<void> start(const std::stop_token& stop);
  /// Stops the VM where it runs. kUnsupported without such a command.
  Result<void> stop_vm(const std::stop_token& stop);
  /// Asks both sides. A status command that fails or hangs is no error: it cannot tell.
  Result<Whereabouts> where(const std::stop_token& stop);

  /// One migration, from the source to the destination: total time by the clock (where status is
  /// polled: to when the destination was first seen to run the VM), a client's downtime and bytes
  /// by onlookers; the hypervisor's own measures are absent, rounds empty. Given up, the cancel
  /// command is run; where there is none, or it fails, the migration may go on, which the reason
  /// says, and the VM's place is kUnknown. The driver outlives the session.
  std::unique_ptr<MigrationSession> session(std::stop_token stop);

  /// Source and destination change places. Only for a profile with `both_ways`.
  void turn_round();

  [[nodiscard]] const CommandProfile& profile() const { return profile_; }

 private:
  friend class CommandSession;
  /// What `status` shows of one side.
  struct Look {
    enum class Seen { kRunning, kPaused, kAbsent, kUnclear };
    Seen seen = Seen::kUnclear;
    std::string said;          ///< in a few words
    bool says_failed = false;  ///< the profile's `failed` was found
  };
  /// How long may be waited, and for whom.
  struct Patience {
    Seconds most;
    std::stop_token stop{};
  };
  CommandDriver(Clock& clock, CommandProfile profile, std::map<std::string, std::string> values);
  [[nodiscard]] Arguments filled(const Arguments& command, Side side) const;
  [[nodiscard]] Look judge(Side side, bool well, const std::string& out,
                           const std::string& err) const;
  static VmRunsOn vm_by(const Look& source, const Look& destination);
  Result<Look> look(Side side, const Patience& patience);
  Result<void> run(const Arguments& command, Side side, const Patience& patience);
  /// Asks both sides again and again until the VM is where it is `wanted`, or is anywhere for
  /// certain when nothing is, or the patience ends. The last answer; kInterrupted after a stop.
  Result<Whereabouts> await(std::optional<VmRunsOn> wanted, const Patience& patience);

  Clock* clock_;
  CommandProfile profile_;
  std::map<std::string, std::string> values_;
};

}  // namespace godwit::command
