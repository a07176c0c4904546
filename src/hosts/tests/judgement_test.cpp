// Hosts are emptied in the twin by a plan and by fixed rules, with the same chances.

#include "godwit/hosts/judgement.h"

#include <gtest/gtest.h>

#include "ruled_run.h"

namespace godwit::hosts {
namespace {

constexpr const char* kTwoVms = R"(
link = "1Gbit/s"
[hosts.a]
[hosts.b]
[hosts.c]
[vms.one]
host = "a"
memory = "4GiB"
[vms.two]
host = "a"
memory = "4GiB"
)";

class ByRule : public testing::Test {
 protected:
  void SetUp() override {
    auto file = parse_fleet_file(kTwoVms, FleetUse::kSimulated);
    ASSERT_TRUE(file) << file.error().message;
    fleet_ = std::move(*file);
    for (const char* const vm : {"one", "two"}) {
      fleet::PlannedMove move;
      move.vm = vm;
      move.from = "a";
      move.to = moves_.empty() ? "b" : "c";
      move.technique = Technique::kPrecopy;
      moves_.push_back(move);
    }
  }
  fleet::RunOutcome run(const fleet::FixedRule& rule) {
    const auto outcome = run_by_rule(fleet_, rule, moves_, costs_, 0);
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome ? *outcome : fleet::RunOutcome();
  }

  FleetFile fleet_;
  std::vector<fleet::PlannedMove> moves_;
  fleet::Costs costs_{Seconds(4), Seconds(0.1), Seconds(1.5)};
};

/// 4 GiB at 125 MB/s take 34.4 s; two at once share the source's link, and so take twice as long.
TEST_F(ByRule, WhatMovesAtOnceSharesTheLink) {
  const fleet::RunOutcome at_once = run({"all"});
  ASSERT_EQ(at_once.vms.size(), 2u);
  EXPECT_TRUE(at_once.complete());
  EXPECT_NEAR(at_once.took.count(), 4 + 2 * 34.4 + 1.6, 4);
  for (const auto& vm : at_once.vms) EXPECT_NEAR(vm.outcome->total_time->count(), 2 * 34.4, 4);
}

TEST_F(ByRule, OneAtATimeEachIsPreparedWhenTheOneBeforeIsOver) {
  const fleet::RunOutcome one = run({"one", 1});
  ASSERT_EQ(one.vms.size(), 2u);
  EXPECT_EQ(one.vms[0].started, Seconds(4));
  EXPECT_NEAR(one.vms[0].outcome->total_time->count(), 34.4, 2);
  EXPECT_NEAR((*one.vms[1].started - *one.vms[0].finished).count(), 4, 0.1);
}

TEST_F(ByRule, WhatTakesTooLongIsGivenUpAndStays) {
  const fleet::RunOutcome run_out = run({"hasty", 1, 0, true, Seconds(2)});
  ASSERT_EQ(run_out.vms.size(), 2u);
  EXPECT_FALSE(run_out.complete());
  EXPECT_EQ(run_out.vms[0].runs_on, "a");
  EXPECT_NEAR(run_out.vms[0].outcome->total_time->count(), 8, 0.1);
}

TEST_F(ByRule, PostcopyIsNotSimulatedSo) {
  moves_[0].technique = Technique::kPostcopy;
  const auto outcome = run_by_rule(fleet_, {"all"}, moves_, costs_, 0);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kUnsupported);
}

JudgementOptions of_fleets(int fleets, int runs, int hosts, Bytes memory) {
  JudgementOptions options;
  options.fleets = fleets;
  options.runs = runs;
  options.size.hosts = hosts;
  options.size.memory = memory;
  return options;
}

TEST(Judgement, APlanIsNoSlowerThanFixedRulesAndItsPromiseMostlyHolds) {
  ManualClock clock;
  const JudgementOptions options = of_fleets(6, 20, 4, 32_GiB);
  const auto judged = judge(clock, options, {}, {});
  ASSERT_TRUE(judged) << judged.error().message;
  EXPECT_EQ(judged->fleets, 6);
  EXPECT_EQ(judged->runs, 120);
  EXPECT_GT(judged->vms, 12);
  EXPECT_GE(judged->by_p95, judged->held);
  EXPECT_GT(judged->held, 0.8) << "90 %, of six fleets only";
  EXPECT_GT(judged->moves_held, 0.8);
  ASSERT_EQ(judged->ways.size(), 5u);
  EXPECT_EQ(judged->ways[0].times, 1);
  EXPECT_EQ(judged->ways[0].left_behind, 0);
  EXPECT_GT(judged->ways[3].times, 1.5) << "one at a time: nothing is prepared meanwhile";
  for (const WayJudged& way : judged->ways) {
    EXPECT_GE(way.times, 0.99) << way.name;
    EXPECT_GT(way.sent, Bytes(0)) << way.name;
  }
}

TEST(Judgement, IsTheSameForASeed) {
  ManualClock clock;
  const JudgementOptions options = of_fleets(1, 2, 3, 16_GiB);
  const auto one = judge(clock, options, {}, {});
  const auto other = judge(clock, options, {}, {});
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->ways[1].empty_after, other->ways[1].empty_after);
  EXPECT_EQ(one->ways[0].outages, other->ways[0].outages);
}

}  // namespace
}  // namespace godwit::hosts
