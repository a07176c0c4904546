
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "drive.h"
#include "fake_pair.h"
#include "memory_journal.h"
#include "sanitized.h"

namespace godwit::pair {
namespace {

using control::MemoryJournal;

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
    Ends ends{pair.source, pair.destination, "tcp:10.0.0.2:4444"};
    ends.source_end.name = "qmp:/run/src.qmp";
    ends.destination_end.name = "qmp:/run/dst.qmp";
    ends.journal = &journal;
    return migrate(world.clock, ends, plan, options, stop.get_token());
  }

  /// Does something once, when the run shows what is waited for; `happened` tells whether it did.
  void once(std::function<bool(const control::Progress&)> when, std::function<void()> what) {
    options.on_progress = [this, when = std::move(when),
                           what = std::move(what)](const control::Progress& p) {
      if (happened || !when(p)) return;
      happened = true;
      what();
    };
  }
  [[nodiscard]] std::ptrdiff_t ordered(const std::string& what) const {
    return std::count(pair.source.log.begin(), pair.source.log.end(), what);
  }

  FakePair::World world;
  FakePair pair{world};
  MigrationPlan plan;
  control::RunOptions options;
  std::stop_source stop;
  MemoryJournal journal;
  bool happened = false;
};

bool past_return(const control::Progress& p) {
  return p.point_of_no_return;
}

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

TEST(MigrationRun, WhatTheFirstRoundDirtiedIsKnownWhereItsBeginningIsNotTold) {
  Scenario told, untold;
  untold.world.first_pass_untold = true;
  const auto expected = told.go();
  const auto outcome = untold.go();
  ASSERT_TRUE(expected);
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->rounds.size(), expected->rounds.size());
  ASSERT_TRUE(expected->rounds.front().dirtied);
  EXPECT_EQ(outcome->rounds.front().dirtied, expected->rounds.front().dirtied);
  EXPECT_EQ(outcome->rounds.front().number, 1);
}

TEST(MigrationRun, SettingsAreGivenBackOnBothSides) {
  Scenario run;
  run.plan.parameters.downtime_limit = Seconds(0.02);
  run.pair.source.on = {Capability::kXbzrle};
  run.pair.source.set.max_bandwidth = 7_MB_per_s;
  run.pair.destination.on = {Capability::kMultifd};
  run.pair.destination.set.downtime_limit = Seconds(0.1);
  const auto here = run.pair.source.set;
  const auto there = run.pair.destination.set;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->given_back, true);
  EXPECT_EQ(run.pair.source.on, CapabilitySet{Capability::kXbzrle});
  EXPECT_EQ(run.pair.source.set, here);
  EXPECT_EQ(run.pair.destination.on, CapabilitySet{Capability::kMultifd});
  EXPECT_EQ(run.pair.destination.set, there);
}

TEST(MigrationRun, WhatIsBorrowedIsInTheJournalBeforeItIsChanged) {
  Scenario run;
  ASSERT_TRUE(run.go());
  const JournalEntry& first = run.journal.entries.front();
  EXPECT_EQ(first.step, "preparing");
  ASSERT_TRUE(first.source_lease && first.destination_lease);
  EXPECT_EQ(first.source_lease->before.parameters.max_bandwidth, usual_parameters().max_bandwidth);
  EXPECT_EQ(first.source_lease->borrowed.parameters.max_bandwidth, 40_MB_per_s);
  EXPECT_EQ(run.journal.entries.back().step, "done");
  EXPECT_FALSE(run.journal.entries.back().source_lease);
}

TEST(MigrationRun, WithoutAJournalNothingIsBorrowedAndNothingStarted) {
  Scenario run;
  run.journal.full = true;
  const auto outcome = run.go();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("journal"));
  EXPECT_EQ(run.pair.source.set, usual_parameters());
  EXPECT_TRUE(run.pair.source.on.empty());
  EXPECT_EQ(run.ordered("migrate tcp:10.0.0.2:4444"), 0);
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
  run.options.on_progress = [&](const control::Progress& p) {
    if (p.round >= 2) run.stop.request_stop();
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCancelled);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
}

TEST(MigrationRun, OncePostcopyHasBegunAStopRequestCannotSplitTheGuest) {
  Scenario run(Technique::kPostcopy);
  run.once(past_return, [&] { run.stop.request_stop(); });
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(run.ordered("migrate_cancel"), 0);
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
  run.options.on_progress = [&](const control::Progress& p) {
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
  run.once(past_return, [&] { run.stop.request_stop(); });
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(run.ordered("migrate_cancel"), 0);
  EXPECT_EQ(run.pair.running_guests(), 1);
}

// --- silence ---

TEST(MigrationRun, ALongLastPartIsWaitedForAndNothingIsCancelled) {
  Scenario run(Technique::kStopAndCopy);
  run.world.last_part = 400;
  run.plan.max_time = Seconds(60);
  run.once(past_return, [&] { run.stop.request_stop(); });
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(run.ordered("migrate_cancel"), 0);
  EXPECT_EQ(run.pair.most_running(), 1);
}

/// Who has asked twice goes; QEMU, and the journal, stay.
TEST(MigrationRun, ASecondRequestEndsTheWatchingOfASwitchover) {
  for (const Technique technique : {Technique::kStopAndCopy, Technique::kPostcopy}) {
    Scenario run(technique);
    std::stop_source leave;
    run.options.leave = leave.get_token();
    run.world.last_part = 400;
    run.once(past_return, [&] {
      run.stop.request_stop();
      leave.request_stop();
    });
    const auto outcome = run.go();
    ASSERT_TRUE(outcome && run.happened);
    EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
    EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kUnknown);
    EXPECT_THAT(outcome->reason, HasSubstr("qmp:/run/dst.qmp"));
    EXPECT_EQ(outcome->given_back, false);
    EXPECT_EQ(run.ordered("migrate_cancel"), 0);
    const JournalEntry& left = run.journal.entries.back();
    EXPECT_EQ(left.step, "left unknown, migrating");
    EXPECT_TRUE(left.source_lease && left.destination_lease);
  }
}

/// Where a cancel is possible a second request changes nothing: the first one's end comes at once.
TEST(MigrationRun, ASecondRequestInPrecopyWaitsForTheCancel) {
  Scenario run;
  std::stop_source leave;
  run.options.leave = leave.get_token();
  run.once([](const control::Progress& p) { return p.round == 2; },
           [&] {
             run.stop.request_stop();
             leave.request_stop();
           });
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCancelled);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_EQ(outcome->given_back, true);
}

TEST(MigrationRun, AMonitorThatIsSilentForAMinuteIsWaitedFor) {
  Scenario run;
  run.once([](const control::Progress& p) { return p.round == 2; },
           [&] {
             run.world.fault = FakePair::Fault::kMute;
             run.world.victim = Victim::kSource;
             run.world.fault_at_call = run.world.calls;
           });
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_EQ(run.ordered("migrate_cancel"), 0);
}

/// `migrate_cancel` that reaches QEMU behind the last byte: QEMU takes the guest back, while the
/// destination has it too.
TEST(MigrationRun, ACancelThatComesTooLateNeverMakesTwo) {
  for (double when = 3.0; when < 3.3; when += 0.005) {
    Scenario run;
    run.once([when](const control::Progress& p) { return p.elapsed.count() >= when; },
             [&] { run.stop.request_stop(); });
    const auto outcome = run.go();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(run.pair.most_running(), 1) << when;
    EXPECT_EQ(run.pair.running_guests(), 1) << when << " " << outcome->reason;
  }
}

// --- lost connections ---

TEST(MigrationRun, ALostConnectionToTheDestinationIsNoEndedProcess) {
  for (const bool comes_back : {false, true}) {
    Scenario run;
    run.world.victim = Victim::kDestination;
    run.world.fault =
        comes_back ? FakePair::Fault::kLosesConnectionAWhile : FakePair::Fault::kLosesConnection;
    run.once([](const control::Progress& p) { return p.round == 2; },
             [&] { run.world.fault_at_call = run.world.calls; });
    const auto outcome = run.go();
    ASSERT_TRUE(outcome && run.happened);
    EXPECT_EQ(run.pair.most_running(), 1);
    EXPECT_EQ(run.pair.source.state, RunState::kPostmigrate);
    EXPECT_EQ(outcome->vm_runs_on, comes_back ? VmRunsOn::kDestination : VmRunsOn::kUnknown)
        << outcome->reason;
    if (comes_back) continue;
    EXPECT_THAT(outcome->reason, HasSubstr("qmp:/run/src.qmp"));
    EXPECT_THAT(outcome->reason, HasSubstr("qmp:/run/dst.qmp"));
    EXPECT_EQ(outcome->given_back, false);
    EXPECT_THAT(run.journal.entries.back().step, testing::StartsWith("left unknown"));
    EXPECT_TRUE(run.journal.entries.back().destination_lease);
  }
}

/// Nothing was started then, and nothing is left once the connection is there again.
TEST(MigrationRun, AConnectionThatIsLostForAMomentBeforeTheStartLeavesNothingBorrowed) {
  int refused = 0;
  for (int call = 0; refused == call; ++call) {
    Scenario run;
    run.plan.parameters.downtime_limit = Seconds(0.02);
    run.world.victim = Victim::kDestination;
    run.world.fault = FakePair::Fault::kLosesConnectionAWhile;
    run.world.awhile = Seconds(3);
    run.world.fault_at_call = call;
    const MigrationParameters before = run.pair.source.set;
    if (run.go()) break;
    ++refused;
    EXPECT_TRUE(run.pair.source.on.empty() && run.pair.destination.on.empty()) << call;
    EXPECT_TRUE(run.pair.source.set == before && run.pair.destination.set == before) << call;
    EXPECT_TRUE(run.journal.entries.empty() || run.journal.entries.back().step == "done") << call;
  }
  EXPECT_GT(refused, 3);
}

/// A process on another host is never known to have ended.
TEST(MigrationRun, ADestinationThatCannotBeSeenToHaveEndedIsNotTakenForEnded) {
  Scenario run;
  run.world.processes_unseen = true;
  run.world.destination_fails = true;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kUnknown) << outcome->reason;
  EXPECT_NE(run.pair.source.state, RunState::kRunning);
}

TEST(MigrationRun, APostcopyOverADeadLinkIsPausedAndCanBeRecovered) {
  Scenario run(Technique::kPostcopy);
  std::optional<Seconds> said;
  run.options.on_progress = [&](const control::Progress& p) {
    if (p.phase == MigrationPhase::kPostcopyActive && !run.happened) {
      run.happened = true;
      run.world.fault = FakePair::Fault::kLinkDead;
      run.world.fault_at_call = run.world.calls;
    }
    if (p.standstill && !said) said = p.standstill;
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kBothPaused) << outcome->reason;
  EXPECT_THAT(outcome->reason, HasSubstr("migrate-recover"));
  ASSERT_TRUE(said);
  EXPECT_LE(said->count(), 4);
  ASSERT_TRUE(outcome->postcopy_standstill);
  EXPECT_GT(outcome->postcopy_standstill->count(), 9);
  EXPECT_EQ(outcome->given_back, false);
}

/// QEMU then lets the source run on; the guest is at the destination, and a copy of its past must
/// not run.
TEST(MigrationRun, OfAPostcopyThatFailsAtItsEndTheOldCopyIsStopped) {
  for (const bool arrived : {true, false}) {
    Scenario run(Technique::kPostcopy);
    run.world.pause_comes_too_late = true;
    run.once([](const control::Progress& p) { return p.phase == MigrationPhase::kPostcopyActive; },
             [&] {
               run.world.fault = FakePair::Fault::kLinkDead;
               run.world.fault_at_call = run.world.calls;
               if (arrived) run.pair.destination.status.phase = MigrationPhase::kCompleted;
             });
    const auto outcome = run.go();
    ASSERT_TRUE(outcome && run.happened);
    EXPECT_NE(run.pair.source.state, RunState::kRunning);
    EXPECT_EQ(outcome->vm_runs_on, arrived ? VmRunsOn::kDestination : VmRunsOn::kBothPaused)
        << outcome->reason;
    EXPECT_THAT(outcome->reason, HasSubstr("as old as the switchover"));
  }
}

/// QEMU tells of its RESUME once, and the connection was lost just then.
TEST(MigrationRun, OfAPostcopyWhoseResumeWasMissedTheOldCopyIsStopped) {
  Scenario run(Technique::kPostcopy);
  run.world.pause_comes_too_late = true;
  bool told_to_go_over = false;
  run.options.on_progress = [&](const control::Progress& p) {
    FakePair::Fake& destination = run.pair.destination;
    if (!std::exchange(told_to_go_over, true)) {
      destination.connected = false;
      destination.reachable_again = run.world.clock.now() + Seconds(3);
    } else if (p.phase == MigrationPhase::kPostcopyActive && destination.connected) {
      run.world.fault = FakePair::Fault::kLinkDead;
      run.world.fault_at_call = run.happened ? -1 : run.world.calls;
      run.happened = true;
    }
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_NE(run.pair.source.state, RunState::kRunning);
  EXPECT_EQ(run.pair.destination.state, RunState::kRunning) << "it has the newer one";
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kBothPaused) << outcome->reason;
  EXPECT_THAT(outcome->reason, HasSubstr("as old as the switchover"));
}

TEST(MigrationRun, APostcopyOfWhichAllIsSentIsNotPaused) {
  Scenario run(Technique::kPostcopy);
  run.once([](const control::Progress& p) { return p.phase == MigrationPhase::kPostcopyActive; },
           [&] {
             run.pair.source.status.remaining = Bytes();
             run.world.fault = FakePair::Fault::kLinkDeadAWhile;
             run.world.fault_at_call = run.world.calls;
           });
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(run.ordered("migrate-pause"), 0);
  EXPECT_LE(run.pair.most_running(), 1);
}

TEST(MigrationRun, APostcopyWhoseLinkComesBackGoesOn) {
  for (const auto fault : {FakePair::Fault::kLinkCutAWhile, FakePair::Fault::kLinkDeadAWhile}) {
    Scenario run(Technique::kPostcopy);
    run.once([](const control::Progress& p) { return p.phase == MigrationPhase::kPostcopyActive; },
             [&] {
               run.world.fault = fault;
               run.world.fault_at_call = run.world.calls;
             });
    const auto outcome = run.go();
    ASSERT_TRUE(outcome && run.happened);
    EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
    EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
    EXPECT_THAT(outcome->remarks, testing::Contains(HasSubstr("was mended after")));
    EXPECT_GT(*outcome->postcopy_standstill,
              Seconds(fault == FakePair::Fault::kLinkCutAWhile ? 15 : 19))
        << "the guest may have waited so long";
    EXPECT_EQ(outcome->given_back, true);
    EXPECT_TRUE(std::any_of(
        run.journal.entries.begin(), run.journal.entries.end(),
        [](const JournalEntry& entry) { return entry.step == "postcopy, recovering"; }));
    EXPECT_LE(run.pair.most_running(), 1);
  }
}

/// Who asks for it ends the trying: the guest can still be recovered by hand.
TEST(MigrationRun, AStopRequestEndsTheTrying) {
  Scenario run(Technique::kPostcopy);
  int broken = 0;
  run.options.on_progress = [&](const control::Progress& p) {
    if (p.phase == MigrationPhase::kPostcopyActive) {
      run.world.fault = FakePair::Fault::kLinkCut;
      run.world.fault_at_call = run.world.calls;
    }
    if (p.phase == MigrationPhase::kPostcopyPaused && ++broken > 100) run.stop.request_stop();
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kBothPaused);
  EXPECT_THAT(outcome->reason, HasSubstr("migrate-recover"));
  EXPECT_THAT(outcome->remarks, testing::Contains(HasSubstr("was tried for")));
  EXPECT_LT(run.world.clock.now() - TimePoint{}, Seconds(100));
}

// --- what the guest, or somebody else, does meanwhile ---

TEST(MigrationRun, AGuestThatSomebodyPausesStaysPausedAndLimitsGoOnWorking) {
  Scenario run;
  run.world.person_pauses_at = 1.5;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(run.pair.destination.state, RunState::kPaused);
  EXPECT_FALSE(outcome->remarks.empty());
  EXPECT_FALSE(outcome->guest.alive);

  Scenario limited;
  limited.world.person_pauses_at = 1.5;
  limited.world.converges = false;
  limited.plan.max_time = Seconds(10);
  const auto ended = limited.go();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, OutcomeStatus::kDidNotConverge);
  EXPECT_EQ(ended->vm_runs_on, VmRunsOn::kSource) << ended->reason;
  EXPECT_EQ(limited.pair.source.state, RunState::kPaused);
}

TEST(MigrationRun, APausedGuestIsMovedAndStaysPaused) {
  Scenario run;
  run.pair.source.state = RunState::kPaused;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(run.pair.destination.state, RunState::kPaused);
}

TEST(MigrationRun, AGuestThatShutsItselfDownIsSaidAtOnce) {
  for (const bool qemu_stays : {false, true}) {
    Scenario run;
    run.world.guest_shuts_down_at = 1.5;
    run.world.no_shutdown = qemu_stays;
    const TimePoint begin = run.world.clock.now();
    const auto outcome = run.go();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
    EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
    EXPECT_THAT(outcome->reason, HasSubstr("shut itself down"));
    EXPECT_EQ(outcome->guest.alive, false);
    EXPECT_LT((run.world.clock.now() - begin).count(), 5);
  }
}

/// Its QEMU ends so soon that its end is noticed first.
TEST(MigrationRun, AShutdownThatIsHeardOfAfterQemusEndIsSaid) {
  Scenario run;
  run.world.guest_shuts_down_at = 2.5;
  run.once([](const control::Progress& p) { return p.round == 2; },
           [&] { run.world.clock.advance(Seconds(2)); });
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome->reason, HasSubstr("shut itself down"));
}

TEST(MigrationRun, ACancelBySomebodyElseIsNamed) {
  Scenario run;
  run.once([](const control::Progress& p) { return p.round == 2; },
           [&] { ASSERT_TRUE(run.pair.source.cancel()); });
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && run.happened);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCancelled);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome->reason, HasSubstr("somebody else"));
}

/// Kills one side before every single call of a run: whatever happens, the outcome must say where
/// the guest is, and say it truly.
struct FaultCase {
  Technique technique;
  Victim victim;
};
class EveryCall : public testing::TestWithParam<FaultCase> {};

TEST_P(EveryCall, ADeathLeavesOneTruthfulAnswer) {
  Scenario undisturbed(GetParam().technique);
  ASSERT_TRUE(undisturbed.go());
  for (int call = 0; call < undisturbed.world.calls; call += kEachCall) {
    SCOPED_TRACE(call);
    Scenario run(GetParam().technique);
    run.world.victim = GetParam().victim;
    run.world.fault_at_call = call;
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

std::string name_of_case(const testing::TestParamInfo<FaultCase>& info) {
  const std::string victim = info.param.victim == Victim::kSource ? "Source" : "Destination";
  return std::string(to_string(info.param.technique)) + victim;
}

INSTANTIATE_TEST_SUITE_P(All, EveryCall,
                         testing::Values(FaultCase{Technique::kPrecopy, Victim::kSource},
                                         FaultCase{Technique::kPrecopy, Victim::kDestination},
                                         FaultCase{Technique::kPostcopy, Victim::kSource},
                                         FaultCase{Technique::kPostcopy, Victim::kDestination},
                                         FaultCase{Technique::kHybrid, Victim::kDestination}),
                         name_of_case);

}  // namespace
}  // namespace godwit::pair
