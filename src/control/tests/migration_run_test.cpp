#include "godwit/control/migration_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "fake_pair.h"

namespace godwit::control {
namespace {

using testing::HasSubstr;
using Victim = FakePair::Victim;

struct Scenario {
  explicit Scenario(Technique technique = Technique::kPrecopy) {
    plan.technique = technique;
    plan.parameters.max_bandwidth = 40_MB_per_s;
    pair.destination.state = RunState::kInmigrate;
    options.requested.technique = "precopy";
  }
  Result<MigrationOutcome> go() {
    const Parties parties{pair.source, pair.destination, "tcp:10.0.0.2:4444"};
    return run_migration(world.clock, parties, plan, options, stop.get_token());
  }

  FakePair::World world;
  FakePair pair{world};
  MigrationPlan plan;
  RunOptions options;
  std::stop_source stop;
};

TEST(MigrationRun, PrecopyCompletesOnTheDestination) {
  Scenario run;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  ASSERT_TRUE(outcome->downtime.events);
  EXPECT_NEAR(outcome->downtime.events->count(), 0.1, 1e-6);
  EXPECT_NEAR(outcome->total_time->count(), 3.21, 1e-6);
  EXPECT_EQ(run.pair.running_guests(), 1);
  EXPECT_FALSE(outcome->guest.alive) << "nobody looked, so nobody may claim";
}

TEST(MigrationRun, TheRoundsBytesAddUpToTheTotal) {
  Scenario run;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  Bytes sum;
  for (const RoundRecord& round : outcome->rounds) sum += round.sent;
  EXPECT_EQ(sum, *outcome->transferred.qemu);
  EXPECT_EQ(outcome->rounds.size(), 4u);
}

TEST(MigrationRun, SettingsAreGivenBackOnBothSides) {
  Scenario run;
  run.pair.source.on = {Capability::kXbzrle};
  run.pair.source.set.max_bandwidth = 7_MB_per_s;
  ASSERT_TRUE(run.go());
  EXPECT_EQ(run.pair.source.on, CapabilitySet{Capability::kXbzrle});
  EXPECT_EQ(run.pair.source.set.max_bandwidth, 7_MB_per_s);
  EXPECT_TRUE(run.pair.destination.on.empty());
}

TEST(MigrationRun, PostcopyIsOrderedAsSoonAsTheStreamIsActive) {
  Scenario run(Technique::kPostcopy);
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(
      std::count(run.pair.source.log.begin(), run.pair.source.log.end(), "migrate-start-postcopy"),
      1);
}

TEST(MigrationRun, HybridWaitsForTheEndOfTheFirstPass) {
  Scenario run(Technique::kHybrid);
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_GT(outcome->total_time->count(), 5.0) << "a first pass of 1 s, then 4 s of post-copy";
}

TEST(MigrationRun, AStopRequestBeforehandLeavesTheVmUntouched) {
  Scenario run;
  run.stop.request_stop();
  const auto outcome = run.go();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(std::count(run.pair.source.log.begin(), run.pair.source.log.end(),
                       "migrate tcp:10.0.0.2:4444"),
            0);
  EXPECT_EQ(run.pair.source.state, RunState::kRunning);
  EXPECT_TRUE(run.pair.source.on.empty());
}

TEST(MigrationRun, AStopRequestMidwayCancelsAndTheSourceRunsOn) {
  Scenario run;
  run.options.on_progress = [&](const Progress& p) {
    if (p.round >= 2) run.stop.request_stop();
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCancelled);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
}

TEST(MigrationRun, OncePostcopyHasBegunAStopRequestCannotSplitTheGuest) {
  Scenario run(Technique::kPostcopy);
  run.options.on_progress = [&](const Progress& p) {
    if (p.point_of_no_return) run.stop.request_stop();
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
}

TEST(MigrationRun, MaxTimeEndsWhatDoesNotConverge) {
  Scenario run;
  run.world.converges = false;
  run.plan.max_time = Seconds(10);
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kDidNotConverge);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome->reason, HasSubstr("10.0 s"));
}

TEST(MigrationRun, ALinkThatCarriesNothingIsGivenUp) {
  Scenario run;
  run.world.converges = false;
  run.world.link_stalls = true;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome->reason, HasSubstr("carried nothing"));
}

TEST(MigrationRun, ARefusalBeforeTheStartIsAnErrorAndNothingHappened) {
  Scenario run;
  run.world.refuse_listen = "The incoming migration has already been started";
  const auto outcome = run.go();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kRefused);
  EXPECT_EQ(run.pair.source.state, RunState::kRunning);
  EXPECT_TRUE(run.pair.source.on.empty());
}

TEST(MigrationRun, TheDestinationDiesMidwayAndTheGuestGoesOnAtTheSource) {
  Scenario run;
  run.options.on_progress = [&](const Progress& p) {
    if (p.round == 2) run.pair.kill(Victim::kDestination);
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
}

TEST(MigrationRun, ADestinationStartedPausedIsToldToRunTheGuest) {
  Scenario run;
  run.world.destination_waits = true;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(run.pair.destination.state, RunState::kRunning);
}

TEST(MigrationRun, ADestinationThatEndsBeforeItRanTheGuestGivesItBack) {
  Scenario run;
  run.world.destination_fails = true;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource) << outcome->reason;
  EXPECT_EQ(run.pair.source.state, RunState::kRunning);
}

TEST(MigrationRun, OncePastTheSwitchoverACancelNoLongerRacesWithIt) {
  Scenario run;
  run.options.on_progress = [&](const Progress& p) {
    if (p.point_of_no_return) run.stop.request_stop();
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(std::count(run.pair.source.log.begin(), run.pair.source.log.end(), "migrate_cancel"),
            0);
  EXPECT_EQ(run.pair.running_guests(), 1);
}

/// Kills one side before every single call of a run: whatever happens, the outcome must say where
/// the guest is, and say it truly.
struct Fault {
  Technique technique;
  Victim victim;
};
class EveryCall : public testing::TestWithParam<Fault> {};

TEST_P(EveryCall, ADeathLeavesOneTruthfulAnswer) {
  Scenario undisturbed(GetParam().technique);
  ASSERT_TRUE(undisturbed.go());
  for (int call = 0; call < undisturbed.world.calls; ++call) {
    SCOPED_TRACE(call);
    Scenario run(GetParam().technique);
    run.world.victim = GetParam().victim;
    run.world.kill_at_call = call;
    const auto outcome = run.go();
    const auto& source = run.pair.source;
    const auto& destination = run.pair.destination;
    ASSERT_LE(run.pair.running_guests(), 1);
    if (!outcome) {
      EXPECT_TRUE(!source.alive || source.state == RunState::kRunning);
      continue;
    }
    switch (outcome->vm_runs_on) {
      case VmRunsOn::kSource:
        EXPECT_TRUE(source.alive);
        EXPECT_EQ(source.state, RunState::kRunning);
        break;
      case VmRunsOn::kDestination:
        // It may still have died after the last look at it.
        EXPECT_EQ(destination.state, RunState::kRunning);
        break;
      case VmRunsOn::kBothPaused:
        EXPECT_EQ(run.pair.running_guests(), 0);
        break;
      case VmRunsOn::kUnknown:
        EXPECT_TRUE(!source.alive || !destination.alive);
        EXPECT_NE(outcome->status, OutcomeStatus::kCompleted);
        break;
    }
    if (source.alive && destination.state == RunState::kInmigrate) {
      EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource)
          << "the guest never left; " << outcome->reason << "; source " << to_string(source.state);
    }
  }
}

std::string name_of(const testing::TestParamInfo<Fault>& info) {
  const std::string victim = info.param.victim == Victim::kSource ? "Source" : "Destination";
  return std::string(to_string(info.param.technique)) + victim;
}

INSTANTIATE_TEST_SUITE_P(All, EveryCall,
                         testing::Values(Fault{Technique::kPrecopy, Victim::kSource},
                                         Fault{Technique::kPrecopy, Victim::kDestination},
                                         Fault{Technique::kPostcopy, Victim::kSource},
                                         Fault{Technique::kPostcopy, Victim::kDestination},
                                         Fault{Technique::kHybrid, Victim::kDestination}),
                         name_of);

}  // namespace
}  // namespace godwit::control
