// A fleet that is only written down is emptied in the twin.

#include "godwit/hosts/simulated_fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "godwit/base/clock.h"
#include "godwit/base/quantity.h"
#include "godwit/hosts/operation.h"

namespace godwit::hosts {
namespace {

constexpr const char* kTwoHosts = R"(
link = "1Gbit/s"
[hosts.a]
[hosts.b]
[vms.calm]
host = "a"
memory = "2GiB"
[vms.busy]
host = "a"
memory = "4GiB"
dirty = "40MB/s"
working_set = "1GiB"
[vms.elsewhere]
host = "b"
memory = "1GiB"
)";

class Simulation : public testing::Test {
 protected:
  void SetUp() override {
    auto file = parse_fleet_file(kTwoHosts, FleetUse::kSimulated);
    ASSERT_TRUE(file) << file.error().message;
    fleet_ = std::make_unique<SimulatedFleet>("rack", std::move(*file));
    operation_ = by_clock(clock_);
    wanted_.host = "a";
  }
  std::unique_ptr<Operation> by_clock(Clock& clock) {
    return std::make_unique<Operation>(
        clock, *fleet_,
        [](std::stop_token) -> std::unique_ptr<engine::Engine> {
          ADD_FAILURE() << "nobody is to be asked";
          return nullptr;
        },
        engine::Places(), FleetFiles{"/nonexistent/record", "/nonexistent/cordons"},
        std::stop_token());
  }

  RealClock clock_;
  std::unique_ptr<SimulatedFleet> fleet_;
  std::unique_ptr<Operation> operation_;
  Wanted wanted_;
};

TEST_F(Simulation, EmptiesAHostThatNobodyHasInAboutTheTimeThatIsPromised) {
  const auto draft = operation_->draft(wanted_, {});
  ASSERT_TRUE(draft) << draft.error().message;
  ASSERT_EQ(draft->plan.moves.size(), 2u);
  EXPECT_TRUE(draft->plan.blockers.empty());
  const auto run = operation_->simulate(*draft);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_TRUE(run->complete());
  for (const fleet::VmReport& vm : run->vms) {
    EXPECT_EQ(vm.runs_on, "b");
    EXPECT_EQ(vm.outcome->status, OutcomeStatus::kCompleted);
  }
  EXPECT_NEAR(run->took / draft->plan.finish.p50, 1, 0.1);
}

TEST_F(Simulation, FollowsWhatAFileSaysOfSingleVms) {
  const auto now = clock_.wall_us();
  auto intents = parse_intent_file(
      "[vms.busy]\nnot_before = \"1h\"\nno_postcopy = true\n"
      "[vms.calm]\nstays = true\n"
      "[together]\npair = [\"busy\", \"elsewhere\"]\n",
      {}, now);
  ASSERT_TRUE(intents) << intents.error().message;
  wanted_.intents = *intents;
  const auto draft = operation_->draft(wanted_, {});
  ASSERT_TRUE(draft) << draft.error().message;
  ASSERT_EQ(draft->plan.moves.size(), 1u);
  EXPECT_EQ(draft->plan.moves[0].vm, "busy");
  EXPECT_GT(draft->plan.moves[0].start, Seconds(3500));
  EXPECT_FALSE(uses_postcopy(draft->plan.moves[0].technique));
  EXPECT_TRUE(draft->plan.blockers.empty());
}

TEST_F(Simulation, WhoIsNotThereAndWhatHasPassedAreRefusedByName) {
  const auto refused = [this](const std::string& text) {
    auto intents = parse_intent_file(text, {}, clock_.wall_us());
    EXPECT_TRUE(intents) << text;
    wanted_.intents = *intents;
    wanted_.intents->name = "shop.toml";
    const auto draft = operation_->draft(wanted_, {});
    EXPECT_FALSE(draft) << text;
    return draft ? "" : draft.error().message;
  };
  EXPECT_EQ(refused("[vms.calm]\n[vms.nobody]\n"), "shop.toml: line 2: rack has no VM 'nobody'");
  EXPECT_EQ(refused("[apart]\nx = [\"calm\", \"clam\"]"),
            "shop.toml: line 2: rack has no VM 'clam'");
  EXPECT_THAT(refused("[vms.calm]\nnot_before = \"2020-01-01T00:00:00Z\""),
              testing::HasSubstr("line 1: VM calm is not to move before 2020-01-01T00:00:00"));
  EXPECT_THAT(refused("[default]\nnot_before = \"2020-01-01T00:00:00Z\""),
              testing::HasSubstr("which has passed"));
}

TEST_F(Simulation, WhatWasSeenOnEarlierDaysTellsTheHours) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("godwit-seen-" + std::to_string(::getpid()));
  const FleetFiles files{"/nonexistent/record", "/nonexistent/cordons", folder / "seen.jsonl"};
  Operation operation(
      clock_, *fleet_, [](std::stop_token) { return std::unique_ptr<engine::Engine>(); },
      engine::Places(), files, std::stop_token());
  auto draft = operation.draft(wanted_, {});
  ASSERT_TRUE(draft) << draft.error().message;
  const auto entries = read_record(files.seen);
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_EQ(entries->size(), 2u) << "calm and busy";
  auto hours = operation.hours(*draft);
  ASSERT_TRUE(hours) << hours.error().message;
  EXPECT_TRUE(hours->empty()) << "of one day";
  {
    const auto file = FileRecord::open(files.seen);
    ASSERT_TRUE(file) << file.error().message;
    for (fleet::Entry entry : *entries) {
      for (const std::int64_t days : {1, 2, 40}) {
        entry.wall_us = clock_.wall_us() - days * 24 * 3'600'000'000;
        EXPECT_TRUE((*file)->append(entry));
      }
    }
  }
  hours = operation.hours(*draft);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(hours) << hours.error().message;
  ASSERT_GE(hours->size(), 1u);
  EXPECT_GE(hours->front().days, 2) << "what is older than four weeks does not count";
  EXPECT_LE(hours->front().days, 3);
}

/// What is left of the time that was given is less by what observing takes.
TEST_F(Simulation, ObservingCountsForTheTimeThatIsGiven) {
  const auto promised = operation_->draft(wanted_, {});
  ASSERT_TRUE(promised) << promised.error().message;
  const Seconds needed = promised->plan.finish.p95;
  const auto refusal = [&](double given, double a_vm_takes) {
    ManualClock clock;
    clock.advance(Seconds(1e9));
    wanted_.by_wall_us = clock.wall_us() + std::llround((needed * given).count() * 1e6);
    const auto draft = by_clock(clock)->draft(
        wanted_, [&](const fleet::Estimate&) { clock.advance(needed * a_vm_takes); });
    EXPECT_TRUE(draft) << draft.error().message;
    return draft ? draft->too_late : std::nullopt;
  };
  EXPECT_FALSE(refusal(1.5, 0));
  EXPECT_FALSE(refusal(1.5, 0.2));  // of each of two VMs
  const auto late = refusal(1.5, 0.3);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->code, ErrorCode::kImpossible);
  EXPECT_THAT(late->message, testing::HasSubstr("there are " + human(needed * 0.9)));
  EXPECT_THAT(late->what_to_do.text(), testing::HasSubstr("give it " + human(needed * 1.6)));
  const auto passed = refusal(1.5, 1);
  ASSERT_TRUE(passed);
  EXPECT_THAT(passed->message, testing::HasSubstr("there is no time left"));
}

TEST_F(Simulation, IsTheSameEachTime) {
  const auto draft = operation_->draft(wanted_, {});
  ASSERT_TRUE(draft) << draft.error().message;
  const auto one = operation_->simulate(*draft);
  const auto other = operation_->simulate(*draft);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->took, other->took);
}

}  // namespace
}  // namespace godwit::hosts
