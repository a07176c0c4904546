#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/process.h"
#include "godwit/command/driver.h"
#include "godwit/domain/session.h"

/// Private to command.

namespace godwit::command {

/// One migration by a command line: it shows no phases but "under way" and "over", has no limits to
/// be changed, and is given up by the profile's cancel command.
class CommandSession final : public MigrationSession {
 public:
  /// After a stop nothing is begun any more. The driver outlives the session.
  CommandSession(CommandDriver& driver, std::stop_token stop);

  Result<void> prepare(const MigrationPlan& plan) override;
  Result<void> start() override;
  std::vector<PassSync> watch(TimePoint deadline) override;
  [[nodiscard]] const SessionView& view() const override { return seen_; }
  [[nodiscard]] Liveness liveness() override { return {}; }
  Result<void> amend(const Order& order) override;
  bool cancel(GiveUp why, const std::string& reason) override;
  void settle(MigrationOutcome& outcome, const std::stop_token& leave) override;
  [[nodiscard]] std::optional<RunState> run_state(Side side) override;
  void release(MigrationOutcome& outcome) override;

 private:
  void follow(TimePoint deadline);
  void poll(TimePoint deadline);
  void look();
  void note_end();
  void run_cancel();
  void over();
  void conclude(const Whereabouts& now, MigrationOutcome& outcome);
  void say(std::string_view part);

  CommandDriver& driver_;
  Clock& clock_;
  const CommandProfile& profile_;
  std::stop_token stop_;
  SessionView seen_;
  std::optional<Process> process_;  ///< the migrate command, while it runs
  std::optional<Seconds> max_time_;
  TimePoint next_look_{};
  std::optional<TimePoint> ended_;  ///< absent: it may go on
  GiveUp why_ = GiveUp::kNone;
  bool well_ = false;  ///< the command, or the status, says that it is done
  std::string reason_;
};

}  // namespace godwit::command
