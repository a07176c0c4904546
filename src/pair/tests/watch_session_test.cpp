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

/// Its link breaks, and carries again after a while.
struct Broken : Watched {
  Broken() {
    somebody_starts_it();
    pair.go_on_alone(Seconds(0.5));
    EXPECT_TRUE(pair.source.start_postcopy());
    pair.go_on_alone(Seconds(0.5));
    world.fault = FakeFault::kLinkCutAWhile;
    world.fault_at_call = world.calls;
    (void)pair.source.run_state();
    pair.source.log.clear();
    options.on_warning = [this](const std::string& text) { warnings.push_back(text); };
  }
  /// Whoever drives it does that; it is no doing of who watches.
  void somebody_mends_it() {
    (void)pair.destination.recover_postcopy("tcp:10.0.0.2:4444");
    (void)pair.source.resume_postcopy("tcp:10.0.0.2:4444");
    std::erase_if(pair.source.log,
                  [](const std::string& call) { return call.starts_with("migrate-resume"); });
    pair.destination.log.clear();
  }

  std::vector<std::string> warnings;
};

TEST(Watch, APostcopyThatBreaksIsSaid) {
  Broken watched;
  watched.options.on_progress = [&](const control::Progress& p) {
    if (p.phase != MigrationPhase::kPostcopyPaused) return;
    EXPECT_EQ(watched.warnings.size(), 1u) << "at once, and once";
    if (p.standstill > Seconds(60)) watched.stop.request_stop();
  };
  MigrationPlan plan;
  plan.technique = Technique::kXbzrle;
  const auto outcome = watched.follow(plan);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kBothPaused);
  EXPECT_THAT(outcome->reason, HasSubstr("both sides hold a part"));
  EXPECT_EQ(to_string(outcome->technique), "xbzrle+hybrid") << "its other parts are as before";
  ASSERT_EQ(watched.warnings.size(), 1u);
  EXPECT_THAT(watched.warnings.front(), HasSubstr("migrate-recover"));
  watched.expect_untouched();
}

TEST(Watch, APostcopyThatSomebodyMendsHoursLaterIsFollowedToItsEnd) {
  Broken watched;
  bool mended = false;
  watched.options.on_progress = [&](const control::Progress& p) {
    if (p.phase == MigrationPhase::kPostcopyPaused && p.standstill > Seconds(2 * 3600) &&
        !std::exchange(mended, true)) {
      watched.somebody_mends_it();
    }
  };
  const auto outcome = watched.follow();
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(mended);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_THAT(outcome->remarks, testing::Contains(HasSubstr("mended after 2 h")));
  EXPECT_GT(outcome->postcopy_standstill, Seconds(2 * 3600));
  watched.expect_untouched();
}

TEST(Watch, TheEndOfABrokenPostcopysSourceIsItsEnd) {
  Broken watched;
  watched.options.on_progress = [&](const control::Progress& p) {
    if (p.standstill > Seconds(60)) watched.pair.kill(FakePair::Victim::kSource);
  };
  const auto outcome = watched.follow();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(outcome->reason, HasSubstr("the link broke"));
  EXPECT_THAT(outcome->reason, HasSubstr("the source's QEMU ended"));
  watched.expect_untouched();
}

/// A monitor that is silent for too long says nothing of how the migration did.
TEST(Watch, OfASourceThatFallsSilentNoFailureIsMadeUp) {
  Watched watched;
  watched.world.converges = false;
  watched.somebody_starts_it();
  watched.options.longest_silence = Seconds(20);
  watched.world.fault = FakeFault::kMute;
  watched.world.fault_at_call = watched.world.calls + 20;
  const auto outcome = watched.follow();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(outcome->reason, HasSubstr("said nothing for"));
  EXPECT_THAT(outcome->reason, HasSubstr("may go on"));
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
