// A lease on disks that are watched: each call fails in turn.

#include "godwit/storage/watch_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct MemoryJournal final : Journal {
  Result<void> record(const JournalEntry& entry) override {
    if (broken) return fail(ErrorCode::kEnvironment, "the disk is full");
    steps.push_back(entry.step);
    last = entry;
    return {};
  }
  bool broken = false;
  std::vector<std::string> steps;
  JournalEntry last;
};

struct FakeVm final : Hypervisor, DiskWatch {
  DiskWatch* disk_watch() override { return can ? this : nullptr; }
  bool known_ended() override { return ended; }
  Result<void> watch_writes(const std::vector<std::string>& devices) override {
    watched = devices;  // in part, where it fails
    if (refuses_to_begin) return fail(ErrorCode::kRefused, "no such node");
    return {};
  }
  Result<std::vector<WrittenSoFar>> written_so_far() override {
    return std::vector<WrittenSoFar>();
  }
  Result<void> end_watching() override {
    if (refuses_to_end) return fail(ErrorCode::kPeerGone, "gone");
    watched.clear();
    return {};
  }

  Result<VmDescription> describe() override { return VmDescription{}; }
  Result<RamLayout> ram_layout() override { return RamLayout{}; }
  Result<RunState> run_state() override { return RunState::kRunning; }
  Result<MigrationStatus> migration_status() override { return MigrationStatus{}; }
  Result<CapabilitySet> capabilities() override { return CapabilitySet{}; }
  Result<void> set_capabilities(const CapabilitySet&, const CapabilitySet&) override { return {}; }
  Result<MigrationParameters> parameters() override { return MigrationParameters{}; }
  Result<void> set_parameters(const MigrationParameters&) override { return {}; }
  Result<void> listen(const std::string&) override { return {}; }
  Result<void> migrate(const std::string&) override { return {}; }
  Result<void> start_postcopy() override { return {}; }
  Result<void> cancel() override { return {}; }
  Result<void> pause() override { return {}; }
  Result<void> resume() override { return {}; }
  Result<void> quit() override { return {}; }
  Result<std::optional<HypervisorEvent>> next_event(TimePoint) override {
    return std::optional<HypervisorEvent>();
  }

  bool can = true;
  bool ended = false;
  bool refuses_to_begin = false;
  bool refuses_to_end = false;
  std::vector<std::string> watched;
};

class WatchLeaseTest : public testing::Test {
 protected:
  Result<void> watch() {
    JournalEntry vm;
    vm.source = "qmp:/vm";
    WatchLease lease(clock_, journal_, vm_, vm);
    auto begun = lease.begin({"disk0", "disk1"});
    EXPECT_EQ(lease.watch() != nullptr, begun.has_value());
    if (begun) {
      EXPECT_THAT(vm_.watched, ElementsAre("disk0", "disk1"));
    }
    return begun;
  }

  ManualClock clock_;
  MemoryJournal journal_;
  FakeVm vm_;
};

TEST_F(WatchLeaseTest, IsWrittenDownFirstAndGivenBackWithTheObject) {
  ASSERT_TRUE(watch());
  EXPECT_THAT(vm_.watched, IsEmpty());
  EXPECT_THAT(journal_.steps, ElementsAre("observing", "done"));
  EXPECT_EQ(journal_.last.source, "qmp:/vm");
  EXPECT_EQ(journal_.last.destination, kObservationName);
}

TEST_F(WatchLeaseTest, IsNotBegunWhereTheJournalCannotBeWritten) {
  journal_.broken = true;
  EXPECT_FALSE(watch());
  EXPECT_THAT(vm_.watched, IsEmpty());
}

TEST_F(WatchLeaseTest, ThatBeganInPartIsGivenBack) {
  vm_.refuses_to_begin = true;
  EXPECT_FALSE(watch());
  EXPECT_THAT(vm_.watched, IsEmpty());
  EXPECT_THAT(journal_.steps, ElementsAre("observing", "done"));
}

TEST_F(WatchLeaseTest, ThatCannotBeGivenBackStaysInTheJournal) {
  vm_.refuses_to_end = true;
  ASSERT_TRUE(watch());
  EXPECT_THAT(journal_.steps, ElementsAre("observing"));
}

TEST_F(WatchLeaseTest, EndsWithItsProcess) {
  vm_.refuses_to_end = vm_.ended = true;
  ASSERT_TRUE(watch());
  EXPECT_THAT(journal_.steps, ElementsAre("observing", "done"));
}

TEST_F(WatchLeaseTest, OfAHypervisorThatTellsNothingIsNone) {
  vm_.can = false;
  const auto begun = watch();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(journal_.steps, IsEmpty());
}

}  // namespace
}  // namespace godwit::storage
