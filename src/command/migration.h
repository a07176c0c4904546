#pragma once

#include <string>
#include <string_view>

#include "godwit/base/process.h"
#include "godwit/command/driver.h"

/// Private to command.

namespace godwit::command {

/// One migration from start to a truthful end.
class Migration {
 public:
  Migration(CommandDriver& driver, const Instruments& instruments, Seconds max_time,
            std::stop_token stop);
  Result<MigrationOutcome> run();

 private:
  enum class Ended { kByItself, kLate, kStopped };

  Result<void> check_before();
  Result<void> order();
  Result<void> follow(Process& process);
  Result<void> poll(Process& process);
  Result<bool> polled_once();
  void note_end(const Process& process);
  void give_up(Process* process);
  bool cancel();
  void settle();
  void conclude(const Whereabouts& now);
  void examine();
  void stop_probe();
  void say(std::string_view part);
  [[nodiscard]] bool interrupted();

  CommandDriver& driver_;
  Clock& clock_;
  const CommandProfile& profile_;
  Instruments instruments_;
  Seconds max_time_;
  std::stop_token stop_;

  TimePoint began_{};
  TimePoint deadline_{};
  std::optional<TimePoint> ended_;  ///< absent: it may go on
  Ended how_ = Ended::kByItself;
  bool well_ = false;  ///< the command, or the status, says that it is done
  MigrationOutcome outcome_;
};

}  // namespace godwit::command
