// A migration that somebody else drives, watched from its source: nothing is ordered, whatever
// happens, and the outcome says no more than the source shows.

#include "godwit/pair/watch_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fake_pair.h"
#include "godwit/control/migration_run.h"
#include "sanitized.h"

namespace godwit::pair {
namespace {

using testing::HasSubstr;
using FakeFault = FakePair::Fault;

/// Somebody has started a migration, and somebody else watches.
struct Watched {
  Watched() {
    pair.destination.state = RunState::kInmigrate;
    pair.source.on = {Capability::kReturnPath};
  }
  void somebody_starts_it() {
    ASSERT_TRUE(pair.destination.listen("tcp:10.0.0.2:4444"));
    ASSERT_TRUE(pair.source.migrate("tcp:10.0.0.2:4444"));
    pair.source.log.clear();
    pair.destination.log.clear();
  }
  Result<MigrationOutcome> follow(const MigrationPlan& plan = {}) {
    const auto session = make_watch_session(world.clock, pair.source);
    steer::AsPlanned nothing;
    return control::run_migration(world.clock, *session, plan, nothing, {}, options,
                                  stop.get_token());
  }
  void expect_untouched() const {
    for (const std::string& call : pair.source.log) {
      EXPECT_TRUE(call.starts_with("query-") || call == "describe") << call;
    }
    EXPECT_TRUE(pair.destination.log.empty());
  }

  FakePair::World world;
  FakePair pair{world};
  control::RunOptions options;
  std::stop_source stop;
};

TEST(Watch, FollowsItToItsEndAndOrdersNothing) {
  Watched watched;
  watched.somebody_starts_it();
  const auto outcome = watched.follow();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(outcome->rounds.size(), 4u);
  EXPECT_EQ(outcome->rounds.front().number, 1);
  EXPECT_FALSE(outcome->given_back) << "nothing was borrowed";
  EXPECT_FALSE(outcome->guest.alive) << "nobody looked";
  watched.expect_untouched();
}

TEST(Watch, JoinsInTheMiddle) {
  Watched watched;
  watched.somebody_starts_it();
  watched.pair.go_on_alone(Seconds(1.5));
  const auto outcome = watched.follow();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  ASSERT_EQ(outcome->rounds.size(), 3u);
  EXPECT_EQ(outcome->rounds.front().number, 2);
  EXPECT_FALSE(outcome->rounds.front().dirtied) << "its beginning was not seen";
  EXPECT_LT(outcome->rounds.front().duration, Seconds(0.6));
  watched.expect_untouched();
}

TEST(Watch, ThereIsNothingToWatchBeforeAndAfter) {
  Watched watched;
  const auto before = watched.follow();
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().code, ErrorCode::kNotFound);
  watched.somebody_starts_it();
  watched.pair.go_on_alone(Seconds(10));
  EXPECT_FALSE(watched.follow());
  watched.expect_untouched();
}

TEST(Watch, WithoutAReturnPathNobodyKnowsWhetherItArrived) {
  Watched watched;
  watched.pair.source.on.clear();
  watched.somebody_starts_it();
  const auto outcome = watched.follow();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kUnknown);
  ASSERT_FALSE(outcome->remarks.empty());
  EXPECT_THAT(outcome->remarks.front(), HasSubstr("return-path"));
}

TEST(Watch, WhoeverWatchesMayGoAtAnyTimeAndTheMigrationGoesOn) {
  for (const double after : {0.5, 3.15}) {  // in pre-copy, and in the switchover
    Watched watched;
    watched.somebody_starts_it();
    watched.options.on_progress = [&](const control::Progress& p) {
      if (p.elapsed > Seconds(after)) watched.stop.request_stop();
    };
    const auto outcome = watched.follow();
    ASSERT_TRUE(outcome);
    EXPECT_THAT(outcome->reason, HasSubstr("the migration goes on"));
    EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kUnknown);
    watched.expect_untouched();
    watched.pair.go_on_alone(Seconds(10));
    EXPECT_EQ(watched.pair.source.status.phase, MigrationPhase::kCompleted);
  }
}

TEST(Watch, ALinkThatIsCutLeavesTheGuestAtTheSourceAndItIsSaid) {
  Watched watched;
  watched.somebody_starts_it();
  watched.pair.go_on_alone(Seconds(0.5));
  watched.pair.cut_link();
  const auto outcome = watched.follow();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome->reason, HasSubstr("Broken pipe"));
  watched.expect_untouched();
}

TEST(Watch, APostcopyThatBreaksIsSaid) {
  Watched watched;
  watched.somebody_starts_it();
  watched.pair.go_on_alone(Seconds(0.5));
  ASSERT_TRUE(watched.pair.source.start_postcopy());
  watched.pair.source.log.clear();
  watched.pair.go_on_alone(Seconds(0.5));
  watched.pair.cut_link();
  MigrationPlan plan;
  plan.technique = Technique::kXbzrle;
  const auto outcome = watched.follow(plan);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kBothPaused);
  EXPECT_EQ(to_string(outcome->technique), "xbzrle+hybrid") << "its other parts are as before";
  watched.expect_untouched();
}

/// Whatever call fails, however: nothing is ordered, and no place is made up.
TEST(Watch, AFaultAtAnyCallOrdersNothing) {
  for (const FakeFault fault :
       {FakeFault::kDies, FakeFault::kLosesConnection, FakeFault::kLosesConnectionAWhile,
        FakeFault::kLinkCut, FakeFault::kMute, FakeFault::kRefuses, FakeFault::kTimesOut}) {
    for (int call = 0; call < 200; call += std::max(3, kEachCall)) {
      Watched watched;
      watched.somebody_starts_it();
      watched.world.fault = fault;
      watched.world.fault_at_call = watched.world.calls + call;
      const auto outcome = watched.follow();
      watched.expect_untouched();
      if (!outcome) continue;
      if (outcome->vm_runs_on == VmRunsOn::kSource) {
        EXPECT_EQ(watched.pair.source.state, RunState::kRunning);
      }
      if (outcome->vm_runs_on == VmRunsOn::kDestination) {
        EXPECT_EQ(watched.pair.destination.state, RunState::kRunning);
      }
    }
  }
}

}  // namespace
}  // namespace godwit::pair
