// Migrations that take the guest's disk along, on a simulated pair.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "drive.h"
#include "fake_pair.h"
#include "sanitized.h"

namespace godwit::pair {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Victim = FakePair::Victim;

struct StorageScenario {
  explicit StorageScenario(Technique technique = Technique::kPrecopy) {
    plan.technique = technique;
    plan.technique.storage = true;
    plan.parameters.max_bandwidth = 40_MB_per_s;
    pair.destination.state = RunState::kInmigrate;
    options.requested.technique = to_string(plan.technique);
  }
  Result<MigrationOutcome> go() {
    Ends ends{pair.source, pair.destination, "tcp:10.0.0.2:4444"};
    ends.journal = &journal;
    return migrate(world.clock, ends, plan, options, stop.get_token());
  }
  /// Does something once, when the run shows what is waited for.
  template <class When, class What>
  void once(When when, What what) {
    options.on_progress = [when, what, done = false](const control::Progress& p) mutable {
      if (done || !when(p)) return;
      done = true;
      what();
    };
  }

  struct Steps final : Journal {
    Result<void> record(const JournalEntry& entry) override {
      all.push_back(entry.step);
      return {};
    }
    std::vector<std::string> all;
  };

  FakePair::World world;
  FakePair pair{world};
  MigrationPlan plan;
  control::RunOptions options;
  std::stop_source stop;
  Steps journal;
};

bool mirroring(const control::Progress& p) {
  return p.phase == MigrationPhase::kNone && p.elapsed > Seconds(0.5);
}
bool sending_memory(const control::Progress& p) {
  return p.round == 2;
}
bool before_switchover(const control::Progress& p) {
  return p.phase == MigrationPhase::kPreSwitchover;
}

/// The guest goes on at its source as if nothing had been.
void expect_untouched(const StorageScenario& run, const Result<MigrationOutcome>& outcome) {
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource) << outcome->reason;
  EXPECT_EQ(run.pair.source.state, RunState::kRunning);
  EXPECT_NE(run.pair.destination.state, RunState::kRunning);
  EXPECT_FALSE(run.pair.storage_left());
  EXPECT_TRUE(run.pair.source.on.empty()) << "settings are given back";
  EXPECT_EQ(run.journal.all.back(), "done");
  EXPECT_TRUE(outcome->storage);
}

/// Where `what` stands in a side's log; past its end when it does not.
std::ptrdiff_t place(const FakePair::Fake& side, const std::string& what) {
  return std::find(side.log.begin(), side.log.end(), what) - side.log.begin();
}

class EveryTechnique : public testing::TestWithParam<Technique> {};

TEST_P(EveryTechnique, MirrorsFirstAndSwitchesOverOnlyToAWholeDisk) {
  StorageScenario run(GetParam());
  const auto outcome = run.go();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_EQ(outcome->technique, run.plan.technique);
  EXPECT_FALSE(run.pair.ran_on_a_torn_disk());
  EXPECT_FALSE(run.pair.storage_left());
  EXPECT_EQ(run.pair.running_guests(), 1);
  const auto& source = run.pair.source;
  EXPECT_LT(place(source, "mirror-storage"), place(source, "migrate tcp:10.0.0.2:4444"));
  EXPECT_LT(place(source, "migrate tcp:10.0.0.2:4444"), place(source, "finish-storage"));
  EXPECT_LT(place(source, "finish-storage"), place(source, "migrate-continue"));
  EXPECT_THAT(run.pair.destination.log, Contains("drop-storage"));
  EXPECT_TRUE(source.on.empty());
}
INSTANTIATE_TEST_SUITE_P(Storage, EveryTechnique,
                         testing::Values(Technique::kPrecopy, Technique::kPostcopy,
                                         Technique::kHybrid),
                         [](const auto& one) { return std::string(to_string(one.param)); });

TEST(StorageMigration, ItsTimeIsTheMirrorsAndTheMemorys) {
  StorageScenario run;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome && outcome->storage && outcome->storage->ready_after);
  const StorageOutcome& storage = *outcome->storage;
  EXPECT_EQ(storage.disks, 1);
  EXPECT_EQ(storage.mirrored, Bytes(100LL << 20));
  EXPECT_NEAR(storage.ready_after->count(), 2, 0.1);
  EXPECT_NEAR((*outcome->total_time - *storage.ready_after).count(),
              run.pair.source.status.total_time->count(), 1e-9)
      << "QEMU's own total can be had back";
  ASSERT_TRUE(storage.finish);
  EXPECT_GE(storage.finish->count(), 0.05) << "the mirror's last part took that";
  EXPECT_LE(*storage.finish, *outcome->downtime.events);
  EXPECT_GE(outcome->rounds.front().started, *storage.ready_after);
}

TEST(StorageMigration, TheJournalNamesTheStep) {
  StorageScenario run;
  ASSERT_TRUE(run.go());
  EXPECT_THAT(run.journal.all, testing::ElementsAre("preparing", "mirroring", "migrating", "done"));
}

TEST(StorageMigration, TheTimeLeftCountsDisksAndMemory) {
  StorageScenario run;
  std::vector<double> left;
  run.options.on_progress = [&](const control::Progress& p) {
    if (mirroring(p) && p.forecast.eta)
      left.push_back(p.forecast.eta->p50.count() + p.elapsed.count());
  };
  ASSERT_TRUE(run.go());
  ASSERT_FALSE(left.empty());
  // 100 MiB of disk in 2 s, and 256 MiB of memory at that rate
  for (const double whole : left) EXPECT_NEAR(whole, 2 + 256 * 2 / 100.0, 0.2);
}

TEST(StorageMigration, ADiskThatCannotBeMirroredEndsItAndTheGuestNeverNotices) {
  StorageScenario run;
  run.world.mirror_error = "No space left on device";
  const auto outcome = run.go();
  expect_untouched(run, outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_THAT(outcome->reason, HasSubstr("No space left on device"));
  EXPECT_THAT(run.pair.source.log, Not(Contains("migrate tcp:10.0.0.2:4444")));
  EXPECT_FALSE(outcome->storage->ready_after);
  EXPECT_TRUE(outcome->rounds.empty());
}

TEST(StorageMigration, AMirrorThatFailsWhileMemoryIsSentCancelsThat) {
  StorageScenario run;
  run.world.mirror_seconds = 0.5;
  run.once(sending_memory, [&run] { run.world.mirror_error = "Input/output error"; });
  const auto outcome = run.go();
  expect_untouched(run, outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_THAT(run.pair.source.log, Contains("migrate_cancel"));
}

TEST(StorageMigration, TheDestinationDiesWhileMirroring) {
  StorageScenario run;
  run.once(mirroring, [&run] { run.pair.kill(Victim::kDestination); });
  const auto outcome = run.go();
  expect_untouched(run, outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->reason, "the destination's QEMU ended");
}

/// At every place where a run can be stopped: asked for by the user.
class StopAt : public testing::TestWithParam<bool (*)(const control::Progress&)> {};
TEST_P(StopAt, LeavesTheGuestAtTheSource) {
  for (const Technique technique : {Technique::kPrecopy, Technique::kPostcopy}) {
    StorageScenario run(technique);
    run.world.mirror_hangs = true;  // else the place before the switchover is passed at once
    std::optional<TimePoint> stopped;
    run.once(GetParam(), [&] {
      stopped = run.world.clock.now();
      run.stop.request_stop();
    });
    const auto outcome = run.go();
    ASSERT_TRUE(stopped || technique == Technique::kPostcopy);
    if (!stopped) continue;  // it has one round only
    expect_untouched(run, outcome);
    EXPECT_LT(run.world.clock.now() - *stopped, Seconds(1)) << "and not only when it stalls";
    EXPECT_EQ(outcome->status, OutcomeStatus::kCancelled) << outcome->reason;
    EXPECT_EQ(outcome->reason, "cancelled on request");
  }
}
INSTANTIATE_TEST_SUITE_P(Storage, StopAt,
                         testing::Values(mirroring, sending_memory, before_switchover));

TEST(StorageMigration, TheTimeLimitHoldsForTheMirrorsToo) {
  StorageScenario run;
  run.world.mirror_seconds = 1e6;
  run.plan.max_time = Seconds(10);
  const auto outcome = run.go();
  expect_untouched(run, outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kDidNotConverge);
  EXPECT_NEAR(outcome->total_time->count(), 10, 0.2);
}

TEST(StorageMigration, AMirrorThatDoesNotAdvanceIsGivenUp) {
  StorageScenario run;
  run.world.mirror_seconds = 1e18;  // not one byte
  const auto outcome = run.go();
  expect_untouched(run, outcome);
  EXPECT_THAT(outcome->reason, HasSubstr("carried nothing"));
}

TEST(StorageMigration, ALastPartThatCannotBeWrittenKeepsTheGuestHere) {
  StorageScenario run;
  run.world.mirror_ends_badly = true;
  const auto outcome = run.go();
  expect_untouched(run, outcome);
  EXPECT_THAT(outcome->reason, HasSubstr("No space left on device"));
  EXPECT_THAT(run.pair.source.log, Not(Contains("migrate-continue")));
}

TEST(StorageMigration, AGuestThatACancelLeavesStoppedIsLetRunOn) {
  StorageScenario run(Technique::kPostcopy);
  run.world.cancelled_stays_stopped = true;
  run.world.mirror_ends_badly = true;
  const auto outcome = run.go();
  expect_untouched(run, outcome);
  EXPECT_FALSE(run.pair.destination.alive) << "no second copy may start";
}

TEST(StorageMigration, ARefusalToFinishOrToGoOnKeepsTheGuestHere) {
  StorageScenario finish;
  finish.world.refuse_finish = "no such job";
  const auto unfinished = finish.go();
  expect_untouched(finish, unfinished);
  EXPECT_THAT(unfinished->reason, HasSubstr("no such job"));
  StorageScenario go_on;
  go_on.world.refuse_continue = "wrong state";
  const auto stuck = go_on.go();
  expect_untouched(go_on, stuck);
  EXPECT_THAT(stuck->reason, HasSubstr("wrong state"));
}

TEST(StorageMigration, ARefusalBeforeTheMirrorsIsAnErrorAndNothingHappened) {
  for (auto refuse : {&FakePair::World::refuse_serve, &FakePair::World::refuse_mirror}) {
    StorageScenario run;
    run.world.*refuse = "no such node";
    const auto outcome = run.go();
    ASSERT_FALSE(outcome);
    EXPECT_THAT(outcome.error().message, HasSubstr("no such node"));
    EXPECT_EQ(run.pair.source.state, RunState::kRunning);
    EXPECT_FALSE(run.pair.storage_left());
    EXPECT_TRUE(run.pair.source.on.empty());
    EXPECT_EQ(run.journal.all.back(), "done");
  }
}

TEST(StorageMigration, AStreamThatIsRefusedAfterTheMirrorsIsAFailure) {
  StorageScenario run;
  run.world.refuse_migrate = "blocked by a device";
  const auto outcome = run.go();
  expect_untouched(run, outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->reason, "blocked by a device");
}

TEST(StorageMigration, AnEarlierRunsMirrorIsGivenUpFirst) {
  StorageScenario run;
  ASSERT_TRUE(run.pair.source.mirror_storage({}, {}));  // of one that was killed
  const auto outcome = run.go();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_FALSE(run.pair.ran_on_a_torn_disk());
}

/// Kills one side before every single call of a run.
struct Death {
  Technique technique;
  Victim victim;
};
class EveryCallWithDisks : public testing::TestWithParam<Death> {};

TEST_P(EveryCallWithDisks, ADeathLeavesOneGuestOnAWholeDisk) {
  StorageScenario undisturbed(GetParam().technique);
  ASSERT_TRUE(undisturbed.go());
  for (int call = 0; call < undisturbed.world.calls; call += kEachCall) {
    SCOPED_TRACE(call);
    StorageScenario run(GetParam().technique);
    run.world.victim = GetParam().victim;
    run.world.fault_at_call = call;
    const auto outcome = run.go();
    const auto& source = run.pair.source;
    ASSERT_LE(run.pair.running_guests(), 1);
    ASSERT_FALSE(run.pair.ran_on_a_torn_disk());
    EXPECT_FALSE(run.pair.storage_left());
    if (!outcome) {
      EXPECT_TRUE(!source.alive || source.state == RunState::kRunning);
      continue;
    }
    if (source.alive && run.pair.destination.state == RunState::kInmigrate) {
      EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource) << "the guest never left";
      EXPECT_EQ(source.state, RunState::kRunning) << outcome->reason;
    }
    if (outcome->vm_runs_on == VmRunsOn::kDestination) {
      EXPECT_EQ(run.pair.destination.state, RunState::kRunning);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Storage, EveryCallWithDisks,
                         testing::Values(Death{Technique::kPrecopy, Victim::kSource},
                                         Death{Technique::kPrecopy, Victim::kDestination},
                                         Death{Technique::kPostcopy, Victim::kDestination}),
                         [](const auto& one) {
                           const bool source = one.param.victim == Victim::kSource;
                           return std::string(to_string(one.param.technique)) +
                                  (source ? "Source" : "Destination");
                         });

}  // namespace
}  // namespace godwit::pair
