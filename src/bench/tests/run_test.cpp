#include "godwit/bench/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace godwit::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Each migration takes ten simulated seconds, and ends as the script says.
class ScriptedRig : public Rig {
 public:
  explicit ScriptedRig(ManualClock& clock) : clock_(clock) {}

  Result<Trial> run(const Cell& cell, std::stop_token) override {
    clock_.advance(Seconds(10));
    ran.push_back(cell.repeat);
    if (breaks && breaks(cell)) return fail(ErrorCode::kEnvironment, "the guest never got ready");
    if (on_run) on_run();
    if (interrupted) return fail(ErrorCode::kInterrupted, "stopped");
    Trial trial;
    trial.record = OutcomeRecord{};
    return trial;
  }
  Result<void> reset() override {
    ++resets;
    return {};
  }

  std::function<bool(const Cell&)> breaks;
  std::function<void()> on_run;
  bool interrupted = false;
  std::vector<int> ran;
  int resets = 0;

 private:
  ManualClock& clock_;
};

class KeptTrials : public TrialStore {
 public:
  Result<void> append(const Trial& trial) override {
    if (trials.size() == room) return fail(ErrorCode::kEnvironment, "disk full", "make room");
    trials.push_back(trial);
    return {};
  }
  std::vector<Trial> trials;
  std::size_t room = 1000;
};

/// Six cells, told apart by their repeat.
Work six() {
  Work work;
  work.size = 6;
  work.cell = [](std::int64_t number) -> std::optional<Cell> {
    if (number >= 6) return std::nullopt;
    Cell cell;
    cell.repeat = static_cast<int>(number) + 1;
    return cell;
  };
  return work;
}

class RunWork : public testing::Test {
 protected:
  Result<Counts> run(const Work& work) {
    return run_work(
        clock_, work, rig_, kept_, [this](const RunProgress& p) { seen_.push_back(p); },
        stop_.get_token());
  }
  ManualClock clock_;
  ScriptedRig rig_{clock_};
  KeptTrials kept_;
  std::stop_source stop_;
  std::vector<RunProgress> seen_;
};

TEST_F(RunWork, RunsEveryCellOnceAndTellsHowLongItWillTake) {
  const auto counts = run(six());
  ASSERT_TRUE(counts);
  EXPECT_EQ(*counts, (Counts{.done = 6, .failed = 0, .left = 0}));
  EXPECT_THAT(rig_.ran, ElementsAre(1, 2, 3, 4, 5, 6));
  ASSERT_THAT(seen_, SizeIs(6));
  EXPECT_FALSE(seen_[0].eta);
  EXPECT_EQ(seen_[2].eta, Seconds(40));
  EXPECT_NEAR(seen_[3].done, 0.5, 1e-9);
  EXPECT_EQ(kept_.trials[4].number, 4);
  EXPECT_EQ(kept_.trials[4].cell.repeat, 5);
}

TEST_F(RunWork, GoesOnWhereAnEarlierRunEnded) {
  Work work = six();
  work.done = {0, 1, 3};
  EXPECT_EQ(run(work).value(), (Counts{.done = 6, .failed = 0, .left = 0}));
  EXPECT_THAT(rig_.ran, ElementsAre(3, 5, 6));
}

TEST_F(RunWork, ABrokenCellIsKeptAsSuchAndTheLabIsBuiltAnew) {
  rig_.breaks = [](const Cell& cell) { return cell.repeat == 2; };
  EXPECT_EQ(run(six()).value(), (Counts{.done = 5, .failed = 1, .left = 0}));
  EXPECT_EQ(rig_.resets, 1);
  EXPECT_EQ(kept_.trials[1].broken, "the guest never got ready");
  EXPECT_FALSE(kept_.trials[1].record);
}

TEST_F(RunWork, GivesUpWhenEverythingBreaks) {
  rig_.breaks = [](const Cell&) { return true; };
  const auto counts = run(six());
  ASSERT_FALSE(counts);
  EXPECT_THAT(counts.error().message, HasSubstr("the guest never got ready"));
  EXPECT_THAT(kept_.trials, SizeIs(5));
}

TEST_F(RunWork, AFullDiskEndsTheRunAndKeepsWhatWasMeasured) {
  kept_.room = 2;
  const auto counts = run(six());
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(rig_.ran, ElementsAre(1, 2, 3));
  EXPECT_THAT(kept_.trials, SizeIs(2));
}

TEST_F(RunWork, AStopRequestLeavesTheRestForLater) {
  rig_.on_run = [this] {
    if (rig_.ran.size() == 2) stop_.request_stop();
  };
  EXPECT_EQ(run(six()).value(), (Counts{.done = 2, .failed = 0, .left = 4}));
}

TEST_F(RunWork, NothingIsKeptOfACellThatWasInterrupted) {
  rig_.interrupted = true;
  EXPECT_EQ(run(six()).value(), (Counts{.done = 0, .failed = 0, .left = 6}));
  EXPECT_THAT(kept_.trials, IsEmpty());
}

TEST_F(RunWork, ACampaignEndsWhenItsTimeIsUp) {
  Work work;
  work.until = clock_.now() + Seconds(35);
  work.cell = [](std::int64_t) { return Cell{}; };
  EXPECT_EQ(run(work).value(), (Counts{.done = 4, .failed = 0, .left = 0}));
  EXPECT_EQ(seen_[1].eta, Seconds(25));
}

}  // namespace
}  // namespace godwit::bench
