// A share of the guest's disk moves beforehand, and either side, or Godwit, dies at every call. On
// a simulated pair.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "drive.h"
#include "fake_pair.h"
#include "godwit/pair/recovery.h"
#include "memory_journal.h"
#include "sanitized.h"

namespace godwit::pair {
namespace {

using control::MemoryJournal;
using Victim = FakePair::Victim;

/// Each round is done at once.
class FakeCopier final : public DiskCopier {
 public:
  Result<std::string> address_towards(const StorageOffer&) override {
    return std::string("10.0.0.1");
  }
  Result<void> open(const StorageOffer&, const StorageOffer&,
                    const std::vector<DiskRoute>&) override {
    return {};
  }
  Result<void> copy_share(Ratio, const std::vector<WrittenExport>&,
                          std::optional<BytesPerSecond>) override {
    status_.copied = 64_MiB;
    return {};
  }
  Result<void> copy_written(const std::vector<WrittenExport>&) override { return {}; }
  Result<void> finish(const std::vector<WrittenExport>&, Bytes) override { return {}; }
  [[nodiscard]] DiskCopyStatus status() const override { return status_; }
  [[nodiscard]] std::vector<std::vector<AbsentRange>> absent() const override {
    return {{{Bytes(), 64_MiB, true}}};
  }
  void close() override {}

 private:
  DiskCopyStatus status_;
};

struct ShareScenario {
  explicit ShareScenario(Technique technique) {
    world.shares_disks = true;
    plan.technique = technique;
    plan.technique.storage = true;
    plan.parameters.max_bandwidth = 40_MB_per_s;
    plan.parameters.precopy_storage = Ratio(0.5);
    plan.moved_disks = {{"virtio0", "virtio0"}};
    pair.destination.state = RunState::kInmigrate;
  }
  Result<MigrationOutcome> go() {
    Ends ends{pair.source, pair.destination, "tcp:10.0.0.2:4444"};
    ends.journal = &journal;
    ends.disk_copier = &copier;
    return migrate(world.clock, ends, plan, options, {});
  }
  Recovered recover_now() {
    return recover(world.clock, journal.entries.back(),
                   {pair.source.alive ? &pair.source : nullptr, !pair.source.alive},
                   {pair.destination.alive ? &pair.destination : nullptr, !pair.destination.alive});
  }

  FakePair::World world;
  FakePair pair{world};
  FakeCopier copier;
  MigrationPlan plan;
  control::RunOptions options;
  MemoryJournal journal;
};

class ShareOfADisk : public testing::TestWithParam<Technique> {};

TEST_P(ShareOfADisk, TheGuestMovesAndThenTheRestAndNothingIsLeft) {
  ShareScenario run(GetParam());
  const auto outcome = run.go();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination) << outcome->reason;
  EXPECT_TRUE(outcome->storage && outcome->storage->independent_after);
  EXPECT_TRUE(outcome->given_back.value_or(false));
  EXPECT_FALSE(run.pair.ran_on_a_torn_disk());
  EXPECT_FALSE(run.pair.storage_left());
  EXPECT_EQ(run.journal.entries.back().step, "done");
}

/// A guest that can't run whole at the destination runs at the source, or nowhere; what its disk
/// needs is kept as long as it runs there.
TEST_P(ShareOfADisk, ADeathAtAnyCallLeavesOneGuestOnAWholeDisk) {
  ShareScenario undisturbed(GetParam());
  ASSERT_TRUE(undisturbed.go());
  for (const Victim victim : {Victim::kSource, Victim::kDestination}) {
    for (int call = 0; call < undisturbed.world.calls; call += kEachCall) {
      SCOPED_TRACE(call);
      ShareScenario run(GetParam());
      run.world.victim = victim;
      run.world.fault_at_call = call;
      const auto outcome = run.go();
      ASSERT_LE(run.pair.most_running(), 1);
      ASSERT_FALSE(run.pair.ran_on_a_torn_disk());
      const auto& source = run.pair.source;
      const auto& destination = run.pair.destination;
      const bool stayed = !outcome || outcome->vm_runs_on == VmRunsOn::kSource;
      if (stayed) {
        EXPECT_TRUE(!source.alive || source.state == RunState::kRunning);
        EXPECT_FALSE(run.pair.storage_left());
      }
      if (source.alive && destination.state == RunState::kInmigrate) {
        EXPECT_TRUE(stayed) << "the guest never left";
      }
      const bool lost_on_the_way =
          !destination.alive && outcome && outcome->storage && !outcome->storage->independent_after;
      if (lost_on_the_way) {
        EXPECT_NE(outcome->vm_runs_on, VmRunsOn::kDestination) << outcome->reason;
        EXPECT_FALSE(source.alive && run.pair.storage_left()) << "nobody needs it any more";
      }
      const bool rest_is_lost = !source.alive && destination.alive && outcome &&
                                outcome->vm_runs_on == VmRunsOn::kDestination &&
                                !outcome->storage->independent_after;
      if (rest_is_lost) {
        EXPECT_FALSE(outcome->given_back.value_or(true)) << "somebody has to be told";
        EXPECT_THAT(outcome->remarks, testing::Contains(testing::HasSubstr("had not come")));
      }
    }
  }
}

/// The guest has moved, and the rest of its disk comes without Godwit, too.
TEST_P(ShareOfADisk, AMonitorThatIsLostWhileTheRestComesEndsTheWatching) {
  for (const bool of_source : {true, false}) {
    ShareScenario run(GetParam());
    FakePair::Fake& lost = of_source ? run.pair.source : run.pair.destination;
    run.options.on_progress = [&](const control::Progress&) {
      const std::vector<std::string>& calls = run.pair.destination.log;
      if (std::count(calls.begin(), calls.end(), "fetch-rest") > 0) lost.connected = false;
    };
    const auto outcome = run.go();
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_FALSE(lost.connected) << "the rest was followed";
    EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination) << outcome->reason;
    EXPECT_FALSE(outcome->given_back.value_or(true));
    EXPECT_FALSE(outcome->storage->independent_after);
    lost.connected = true;
    run.pair.go_on_alone(Seconds(60));
    const Recovered found = run.recover_now();
    EXPECT_TRUE(found.finished) << found.was << "; " << found.what_to_do;
    EXPECT_FALSE(run.pair.ran_on_a_torn_disk());
    EXPECT_FALSE(run.pair.storage_left());
  }
}

TEST_P(ShareOfADisk, AGodwitThatIsKilledAtAnyCallIsFollowedUpByRecover) {
  ShareScenario undisturbed(GetParam());
  ASSERT_TRUE(undisturbed.go());
  for (int call = 0; call < undisturbed.world.calls; call += kEachCall) {
    SCOPED_TRACE(call);
    ShareScenario run(GetParam());
    run.world.victim = Victim::kSource;
    run.world.fault = FakePair::Fault::kGodwitDies;
    run.world.fault_at_call = call;
    try {
      (void)run.go();
      continue;  // it had nothing more to do
    } catch (const FakePair::GodwitDied&) {
      run.world.godwit_is_dead = false;
      run.world.fault_at_call = -1;
    }
    if (run.journal.entries.empty()) continue;
    run.pair.go_on_alone(Seconds(60));
    EXPECT_FALSE(run.pair.ran_on_a_torn_disk());
    Recovered found = run.recover_now();
    for (int again = 0; again < 3 && !found.finished; ++again) {
      run.journal.entries.push_back(found.left);
      run.pair.go_on_alone(Seconds(1000));
      found = run.recover_now();
    }
    EXPECT_TRUE(found.finished) << found.was << "; " << found.what_to_do;
    EXPECT_FALSE(run.pair.ran_on_a_torn_disk());
    EXPECT_FALSE(run.pair.storage_left()) << found.was;
    EXPECT_EQ(run.pair.running_guests(), 1);
    EXPECT_LE(run.pair.most_running(), 1);
  }
}
INSTANTIATE_TEST_SUITE_P(Storage, ShareOfADisk,
                         testing::Values(Technique::kPrecopy, Technique::kHybrid),
                         [](const auto& one) { return std::string(to_string(one.param)); });

}  // namespace
}  // namespace godwit::pair
