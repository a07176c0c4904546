#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/command/driver.h"
#include "godwit/engine/open_pair.h"

namespace godwit::rig {

/// Migrations of one VM by a hypervisor's command line, to be measured from outside.
struct CommandRun {
  std::string vm;  ///< as its hypervisor calls it
  std::map<std::string, std::string> variables;
  engine::PingTarget ping;
  std::string interface;  ///< whose sent bytes are counted; empty: none
  Seconds max_time{120};
  int repeats = 1;     ///< to and fro in turn: more than one needs a profile with `both_ways`
  bool start = false;  ///< start the VM on the source first
  bool stop = false;   ///< stop it when all have arrived
};

/// What is waited for, and how long at most.
struct CommandWait {
  int migration = 0;  ///< its number, from 1; 0: the VM's start
  Seconds most{};
};

/// Runs them one after the other. One thread.
class CommandRig {
 public:
  /// Is told what is waited for from now on; nothing once that is over.
  using OnWait = std::function<void(const std::optional<CommandWait>&)>;

  /// Runs nothing. Errors as of CommandDriver::make, and of the interface that is counted.
  static Result<CommandRig> make(Clock& clock, command::CommandProfile profile, CommandRun run);

  [[nodiscard]] const command::CommandProfile& profile() const { return driver_.profile(); }

  /// All migrations, until one does not arrive. `outcomes` keeps those that there are, whatever
  /// happens then.
  Result<void> measure(const OnWait& on_wait, const std::stop_token& stop,
                       std::vector<MigrationOutcome>& outcomes);

 private:
  CommandRig(Clock& clock, command::CommandDriver driver, CommandRun run,
             std::unique_ptr<WireCounter> wire);
  Result<void> start_vm(const std::stop_token& stop);
  Result<void> await_answer(Seconds patience, const std::stop_token& stop);
  [[nodiscard]] std::unique_ptr<OutageProbe> make_probe() const;
  Result<MigrationOutcome> migrate(OutageProbe* probe, const std::stop_token& stop);

  Clock* clock_;
  command::CommandDriver driver_;
  CommandRun run_;
  std::unique_ptr<WireCounter> wire_;  ///< null: nobody asked
};

}  // namespace godwit::rig
