// A plan whose moves take as long as they are said to.

#include "godwit/fleet/replay.h"

#include <gtest/gtest.h>

namespace godwit::fleet {
namespace {

PlannedMove planned(const std::string& vm, std::vector<std::size_t> after) {
  PlannedMove move;
  move.vm = vm;
  move.from = "a";
  move.to = "b";
  move.longest = Seconds(60);
  move.after = std::move(after);
  return move;
}

MigrationOutcome arrived(Seconds time) {
  MigrationOutcome outcome;
  outcome.status = OutcomeStatus::kCompleted;
  outcome.vm_runs_on = VmRunsOn::kDestination;
  outcome.total_time = time;
  return outcome;
}

const Costs kCosts{Seconds(4), Seconds(0.5), Seconds(1)};

TEST(Replay, AMoveBeginsOnceThoseBeforeItAreOver) {
  FleetPlan plan;
  plan.moves = {planned("one", {}), planned("beside", {}), planned("last", {0, 1})};
  plan.overhead = kCosts.overhead;
  const RunOutcome run = replay(plan, kCosts,
                                {{"one", arrived(Seconds(10))},
                                 {"beside", arrived(Seconds(20))},
                                 {"last", arrived(Seconds(5))}});
  ASSERT_EQ(run.vms.size(), 3u);
  EXPECT_EQ(run.vms[0].started, Seconds(4));
  EXPECT_EQ(run.vms[0].finished, Seconds(15.5));
  EXPECT_EQ(run.vms[1].started, Seconds(4)) << "both are prepared";
  EXPECT_EQ(run.vms[2].started, Seconds(24.5)) << "after the longer one";
  EXPECT_EQ(run.took, Seconds(31));
  EXPECT_TRUE(run.complete());
}

TEST(Replay, NothingBeginsBeforeItsTime) {
  FleetPlan plan;
  plan.moves = {planned("wild", {})};
  plan.moves[0].not_before = Seconds(60);
  const RunOutcome run = replay(plan, kCosts, {{"wild", arrived(Seconds(10))}});
  EXPECT_EQ(run.vms[0].started, Seconds(60));
}

TEST(Replay, AVmThatDidNotArriveIsWhereItWas) {
  FleetPlan plan;
  plan.moves = {planned("wild", {}), planned("calm", {0})};
  MigrationOutcome stayed;
  stayed.status = OutcomeStatus::kDidNotConverge;
  stayed.vm_runs_on = VmRunsOn::kSource;
  stayed.reason = "it took too long";
  const RunOutcome run = replay(plan, kCosts, {{"wild", stayed}, {"calm", arrived(Seconds(1))}});
  EXPECT_EQ(run.vms[0].status, VmReport::Status::kBlocked);
  EXPECT_EQ(run.vms[0].runs_on, "a");
  EXPECT_EQ(run.vms[0].reason, "it took too long");
  EXPECT_EQ(run.vms[1].started, Seconds(60.5)) << "as long as it was waited for";
  EXPECT_FALSE(run.complete());
}

}  // namespace
}  // namespace godwit::fleet
