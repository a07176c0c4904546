#pragma once

#include <functional>
#include <optional>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"
#include "godwit/pair/ends.h"
#include "run_record.h"
#include "watched_side.h"

namespace godwit::pair {

/// Finds out where the guest runs once a migration has ended, or can't be followed any more, and
/// lets it run on where it stands still. It is let run on only where the other side is known not to
/// run it: its process has ended, or it was told to and cannot start by itself.
class Settlement {
 public:
  /// `take_events` takes in what both sides have said meanwhile (RunRecord::seen).
  Settlement(Clock& clock, const Ends& ends, const MigrationPlan& plan, WatchedSide& source,
             WatchedSide& destination, RunRecord& record, std::function<void()> take_events)
      : clock_(clock),
        ends_(ends),
        plan_(plan),
        source_(source),
        destination_(destination),
        record_(record),
        take_events_(std::move(take_events)) {}

  /// Fills in status, place, reason and remarks.
  void settle(MigrationOutcome& outcome);
  /// The watching was ended: says what to ask instead. Asks nobody.
  void leave(MigrationOutcome& outcome);

 private:
  void settle_shut_down();
  void settle_completed();
  void settle_aborted();
  void settle_without_source();

  void await_resume();
  void await_source_decision();
  void let_run_at_destination(std::optional<RunState>& there);
  void settle_unseen_destination();
  void settle_ended_destination();
  void settle_split();
  void settle_old_copy(std::optional<RunState> there, std::optional<RunState> here);
  [[nodiscard]] bool take_guest_back();
  [[nodiscard]] bool end_destination();
  void silence_the_copy(std::optional<RunState> there);
  [[nodiscard]] OutcomeStatus status_of_end() const;
  [[nodiscard]] std::string failure_reason();
  [[nodiscard]] std::string where_to_ask() const;
  /// The guest ran at the source until the migration stopped it, so that it shall run on.
  [[nodiscard]] bool migration_stopped_it() const {
    return record_.seen.stop_us || record_.told_to_wait;
  }
  [[nodiscard]] bool postcopy() const { return record_.seen.postcopy_ordered; }
  void conclude(OutcomeStatus status, VmRunsOn place, std::string reason);

  Clock& clock_;
  const Ends& ends_;
  const MigrationPlan& plan_;
  WatchedSide& source_;
  WatchedSide& destination_;
  RunRecord& record_;
  std::function<void()> take_events_;
  MigrationOutcome* outcome_ = nullptr;
};

}  // namespace godwit::pair
