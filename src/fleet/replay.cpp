#include "godwit/fleet/replay.h"

#include <algorithm>
#include <vector>

namespace godwit::fleet {
namespace {

VmReport report_of(const PlannedMove& move, const MigrationOutcome& outcome) {
  VmReport report;
  report.vm = move.vm;
  report.from = move.from;
  report.to = move.to;
  report.technique = move.technique;
  report.attempts = 1;
  report.promised = move.finish;
  report.outcome = outcome;
  const bool arrived = outcome.vm_runs_on == VmRunsOn::kDestination;
  report.status = arrived ? VmReport::Status::kMoved : VmReport::Status::kBlocked;
  report.runs_on = arrived ? move.to : move.from;
  report.reason = outcome.reason;
  return report;
}

}  // namespace

RunOutcome replay(const FleetPlan& plan, const Costs& costs,
                  const std::map<std::string, MigrationOutcome>& outcomes) {
  RunOutcome run;
  run.promised = plan.finish;
  std::vector<Seconds> turn_over;  // of each move: the next one's turn comes
  for (const PlannedMove& move : plan.moves) {
    const MigrationOutcome& outcome = outcomes.at(move.vm);
    Seconds start = std::max(plan.overhead, move.not_before);
    for (const std::size_t before : move.after) start = std::max(start, turn_over[before]);
    turn_over.push_back(start + outcome.total_time.value_or(move.longest) + costs.around);
    VmReport report = report_of(move, outcome);
    report.started = start;
    report.finished = turn_over.back() + costs.after;
    run.took = std::max(run.took, *report.finished);
    run.vms.push_back(std::move(report));
  }
  return run;
}

}  // namespace godwit::fleet
