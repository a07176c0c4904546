// From a goal to a plan; what is refused by name before that.

#include "godwit/fleet/fleet_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

namespace godwit::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr BytesPerSecond kLink{100e6};

Inventory three_hosts() {
  Inventory all;
  all.name = "rack 7";
  for (const char* name : {"a", "b", "c"}) {
    all.hosts.push_back({name, 8_GiB, 8});
    all.network.hosts.push_back({name, "switch", kLink, kLink});
  }
  for (const char* name : {"db", "mail", "web"}) all.vms.push_back({name, "a", 2_GiB, 2});
  return all;
}

/// One that takes so long over the whole link.
Estimate takes(const std::string& vm, Seconds time, double error = 0.05) {
  Estimate estimate;
  estimate.vm = vm;
  estimate.ways.push_back(
      {Technique::kPrecopy, {}, {kLink * time, Bytes(0), BytesPerSecond(0)}, error, error});
  return estimate;
}

Situation situation() {
  Situation now;
  now.inventory = three_hosts();
  now.goal.empty = "a";
  for (const char* vm : {"db", "mail", "web"}) now.estimates[vm] = takes(vm, Seconds(10));
  return now;
}

FleetPlan plan_of(const Situation& now) {
  Rng rng(1);
  auto plan = make_plan(now, {Seconds(2), Seconds(0), Seconds(0)}, rng);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan ? *plan : FleetPlan();
}

Error refusal_of(const Situation& now) {
  Rng rng(1);
  auto plan = make_plan(now, {}, rng);
  EXPECT_FALSE(plan) << "it was not refused";
  return plan ? Error() : plan.error();
}

TEST(FleetPlan, AVmGoesToNoHostThatCannotTakeItAndNoneIsSaidWithWhy) {
  Situation now = situation();
  const Error cpu{ErrorCode::kUnsupported, "host b: it has another CPU", "choose another host"};
  now.estimates["db"].barred = {{"b", cpu}};
  for (const PlannedMove& move : plan_of(now).moves) {
    EXPECT_TRUE(move.vm != "db" || move.to == "c") << move.to;
  }
  now.estimates["db"].barred["c"] = cpu;
  const FleetPlan plan = plan_of(now);
  ASSERT_EQ(plan.blockers.size(), 1U);
  EXPECT_EQ(plan.blockers[0].vm, "db");
  EXPECT_THAT(plan.blockers[0].reason, HasSubstr("another CPU"));
  EXPECT_EQ(plan.moves.size(), 2U);
}

TEST(FleetPlan, AVmThatIsBarredFromTheHostWhereItIsWantedIsABlocker) {
  Situation now = situation();
  now.goal = {};
  now.goal.bring = {{"db", "b"}, {"web", "b"}};
  now.estimates["db"].barred = {{"b", {ErrorCode::kUnsupported, "another CPU", ""}}};
  const FleetPlan plan = plan_of(now);
  ASSERT_EQ(plan.blockers.size(), 1U);
  EXPECT_EQ(plan.blockers[0].vm, "db");
  ASSERT_EQ(plan.moves.size(), 1U);
  EXPECT_EQ(plan.moves[0].vm, "web");
}

TEST(FleetPlan, VmsThatDoNotRunOnTheHostAreNamedAndLeftAlone) {
  Situation now = situation();
  now.inventory.stopped = {{"old", "a"}, {"spare", "b"}};
  EXPECT_THAT(plan_of(now).stopped, ElementsAre("old"));
}

TEST(FleetPlan, EachVmLeavesOneAfterTheOtherOverTheLinkThatTheyShare) {
  const FleetPlan plan = plan_of(situation());
  ASSERT_EQ(plan.moves.size(), 3u);
  EXPECT_THAT(plan.blockers, IsEmpty());
  EXPECT_THAT(plan.moves[0].after, IsEmpty());
  EXPECT_THAT(plan.moves[2].after, ElementsAre(0, 1));
  EXPECT_EQ(plan.moves[0].start, Seconds(2)) << "T_O of the first can't be hidden";
  EXPECT_NEAR(plan.finish.p50.count(), 32, 1);
  EXPECT_LT(plan.finish.p05, plan.finish.p50);
  EXPECT_LT(plan.finish.p50, plan.finish.p95);
  EXPECT_NEAR(plan.lower_bound.count(), 32, 0.1);
  for (const PlannedMove& move : plan.moves) EXPECT_NE(move.to, "a");
}

TEST(FleetPlan, InTheMiddleOfAnotherOneTheOverheadIsBehindIt) {
  Situation now = situation();
  now.prepared = true;
  EXPECT_EQ(plan_of(now).moves[0].start, Seconds(0));
}

TEST(FleetPlan, WhatIsUnderWayKeepsItsShareAndWhoNeedsItWaitsForItsEnd) {
  Situation now = situation();
  now.inventory.vms[0].host = "b";
  now.settled = {"db"};
  now.prepared = true;
  now.under_way = {{"db", "a", kLink * Ratio(0.5), Seconds(100)}};
  FleetPlan plan = plan_of(now);
  ASSERT_EQ(plan.moves.size(), 2u);
  EXPECT_EQ(plan.moves[0].start, Seconds(0));
  EXPECT_NEAR(plan.moves[1].start.count(), 20, 0.1) << "one after the other over the other half";
  EXPECT_THAT(plan.moves[1].after_vms, IsEmpty());
  now.under_way[0].rate = kLink;
  plan = plan_of(now);
  EXPECT_EQ(plan.moves[0].start, Seconds(100));
  EXPECT_THAT(plan.moves[0].after_vms, ElementsAre("db"));
  EXPECT_GE(plan.moves[0].finish.p05, Seconds(100));
}

TEST(FleetPlan, AVmOfWhichLessIsKnownHasAWiderInterval) {
  Situation now = situation();
  const FleetPlan sure = plan_of(now);
  for (auto& [vm, estimate] : now.estimates) estimate = takes(vm, Seconds(10), 0.4);
  const FleetPlan unsure = plan_of(now);
  EXPECT_GT((unsure.finish.p95 - unsure.finish.p05) / (sure.finish.p95 - sure.finish.p05), 4);
}

TEST(FleetPlan, WhatIsToStayStaysAndIsNoBlocker) {
  Situation now = situation();
  now.goal.keep = {"db"};
  now.estimates.erase("db");
  const FleetPlan plan = plan_of(now);
  EXPECT_EQ(plan.moves.size(), 2u);
  EXPECT_THAT(plan.blockers, IsEmpty());
}

TEST(FleetPlan, AVmGoesNoSoonerThanItMayAndTheUrgentOneFirst) {
  Situation now = situation();
  now.goal.wishes["db"].not_before = Seconds(100);
  now.goal.wishes["web"].priority = 5;
  const FleetPlan plan = plan_of(now);
  ASSERT_EQ(plan.moves.size(), 3u);
  EXPECT_EQ(plan.moves[0].vm, "web");
  EXPECT_EQ(plan.moves[1].vm, "mail");
  EXPECT_EQ(plan.moves[2].vm, "db");
  EXPECT_EQ(plan.moves[2].start, Seconds(100));
  EXPECT_EQ(plan.moves[2].end, Seconds(110));
  EXPECT_GT(plan.moves[2].finish.p05, Seconds(100)) << "its interval, too";
}

TEST(FleetPlan, GroupsEndTogetherOrApart) {
  Situation now = situation();
  now.goal.wishes["db"].together = now.goal.wishes["web"].together = "shop";
  now.goal.wishes["mail"].apart = now.goal.wishes["web"].apart = "public";
  const FleetPlan plan = plan_of(now);
  EXPECT_THAT(plan.blockers, IsEmpty());
  std::map<std::string, std::string> ends;
  for (const PlannedMove& move : plan.moves) ends[move.vm] = move.to;
  EXPECT_EQ(ends["db"], ends["web"]);
  EXPECT_NE(ends["mail"], ends["web"]);
}

TEST(FleetPlan, AVmThatStaysCountsInItsGroups) {
  Situation now = situation();
  now.inventory.vms.push_back({"old", "b", 1_GiB, 1});
  now.goal.wishes["old"].apart = now.goal.wishes["db"].apart = "databases";
  now.goal.wishes["old"].together = now.goal.wishes["web"].together = "shop";
  for (const PlannedMove& move : plan_of(now).moves) {
    if (move.vm == "db") {
      EXPECT_EQ(move.to, "c");
    } else if (move.vm == "web") {
      EXPECT_EQ(move.to, "b");
    }
  }
}

TEST(FleetPlan, AVmThatMayBeOnAHostTakesItsRoomThereAndKeepsItsGroupAway) {
  Situation now = situation();
  now.inventory.hosts[2].memory = 3_GiB;
  now.unclear["db"] = {{"db", "it is paused", "let it go on"}, {"a", "c"}};
  const FleetPlan plan = plan_of(now);
  ASSERT_EQ(plan.blockers.size(), 1u);
  EXPECT_EQ(plan.blockers[0].reason, "it is paused");
  ASSERT_EQ(plan.moves.size(), 2u);
  for (const PlannedMove& move : plan.moves) EXPECT_EQ(move.to, "b") << move.vm;
  now.inventory.hosts[2].memory = 8_GiB;
  now.goal.wishes["db"].apart = now.goal.wishes["web"].apart = "databases";
  for (const PlannedMove& move : plan_of(now).moves) {
    EXPECT_TRUE(move.vm != "web" || move.to == "b");
  }
}

TEST(FleetPlan, AHostOnWhichAVmMayBeIsNotSaidToBeEmpty) {
  Situation now = situation();
  now.goal.empty = "c";
  now.estimates.clear();
  now.unclear["db"] = {{"db", "it is paused", ""}, {"a", "c"}};
  ASSERT_EQ(plan_of(now).blockers.size(), 1u);
  EXPECT_EQ(plan_of(now).blockers[0].vm, "db");
  now.goal.empty = "b";
  EXPECT_THAT(plan_of(now).blockers, IsEmpty());
}

TEST(FleetPlan, OnlyHostsThatMayTakeVmsDo) {
  Situation now = situation();
  now.goal.to = {"c"};
  for (const PlannedMove& move : plan_of(now).moves) EXPECT_EQ(move.to, "c");
  now = situation();
  now.inventory.hosts[1].cordoned = true;
  for (const PlannedMove& move : plan_of(now).moves) EXPECT_EQ(move.to, "c");
  now = situation();
  now.closed["c"] = {ErrorCode::kRefused, "host c takes no VMs: it is cordoned", ""};
  for (const PlannedMove& move : plan_of(now).moves) EXPECT_EQ(move.to, "b");
}

TEST(FleetPlan, AVmWithoutRoomIsABlockerWithWhatWouldHelp) {
  Situation now = situation();
  now.inventory.hosts[1].memory = 1_GiB;
  now.inventory.hosts[2].memory = 4_GiB;
  const FleetPlan plan = plan_of(now);
  EXPECT_EQ(plan.moves.size(), 2u);
  ASSERT_EQ(plan.blockers.size(), 1u);
  EXPECT_THAT(plan.blockers[0].reason, HasSubstr("it needs 2.00 GiB and 2 vCPUs"));
  EXPECT_THAT(plan.blockers[0].reason, HasSubstr("(b, c)"));
  EXPECT_FALSE(plan.blockers[0].what_to_do.empty());
}

TEST(FleetPlan, AVmThatCanNotBeMovedAsIsWantedIsABlocker) {
  Situation now = situation();
  now.estimates["db"] = {"db", {}, Blocked{"db", "it never ends", "allow post-copy"}};
  const FleetPlan plan = plan_of(now);
  EXPECT_EQ(plan.moves.size(), 2u);
  ASSERT_EQ(plan.blockers.size(), 1u);
  EXPECT_EQ(plan.blockers[0].vm, "db");
  EXPECT_EQ(plan.blockers[0].reason, "it never ends");
}

TEST(FleetPlan, VmsAreBroughtWhereTheyAreWanted) {
  Situation now = situation();
  now.goal.empty.clear();
  now.inventory.vms[0].host = "b";
  now.inventory.vms[1].host = "c";
  now.goal.bring = {{"db", "a"}, {"mail", "a"}};
  const FleetPlan plan = plan_of(now);
  ASSERT_EQ(plan.moves.size(), 2u);
  for (const PlannedMove& move : plan.moves) EXPECT_EQ(move.to, "a");
}

TEST(FleetPlan, AHostThatCarriesMoreThanItShouldIsEmptiedAllTheSame) {
  Situation now = situation();
  now.inventory.hosts[0].memory = 1_GiB;
  EXPECT_EQ(plan_of(now).moves.size(), 3u);
}

TEST(Goal, WhatCanNotBeMeantIsRefusedByName) {
  Situation now = situation();
  now.goal.empty = "z";
  EXPECT_THAT(refusal_of(now).message, HasSubstr("rack 7 has no host 'z'"));
  EXPECT_THAT(refusal_of(now).what_to_do.text(), HasSubstr("a, b, c"));
  now = situation();
  now.goal.to = {"b", "b"};
  EXPECT_THAT(refusal_of(now).message, HasSubstr("host b is named twice"));
  now.goal.to = {"a"};
  EXPECT_THAT(refusal_of(now).message, HasSubstr("host a is to be empty, and to take VMs"));
  now.goal.to = {"b"};
  now.inventory.hosts[1].cordoned = true;
  EXPECT_THAT(refusal_of(now).message, HasSubstr("host b is cordoned"));
  now = situation();
  now.goal.keep = {"ftp"};
  EXPECT_THAT(refusal_of(now).message, HasSubstr("host a has no VM 'ftp'"));
  now.goal.keep = {"db", "db"};
  EXPECT_THAT(refusal_of(now).message, HasSubstr("VM db is named twice"));
  now = situation();
  now.goal.within = Seconds(-5);
  EXPECT_THAT(refusal_of(now).message, HasSubstr("has passed"));
  now = situation();
  now.inventory.hosts[1].cordoned = now.inventory.hosts[2].cordoned = true;
  EXPECT_THAT(refusal_of(now).message, HasSubstr("all others are cordoned"));
}

/// By hand: 100 MB/s and 50 MB/s, of a VM of 400 MB that dirties 20 MB/s:
/// 400 / (100 − 20) = 5 s, 400 / (50 − 20) = 13.3 s.
TEST(Way, IsFittedToWhatIsPredictedAtAllOfThePathAndAtHalfOfIt) {
  TechniquePrediction whole, half;
  whole.converges = half.converges = true;
  whole.total_time = Interval<Seconds>{Seconds(5), Seconds(4.5), Seconds(5.5)};
  half.total_time = Interval<Seconds>{Seconds(400.0 / 30), Seconds(12), Seconds(14)};
  const Costs none{Seconds(0), Seconds(0), Seconds(0)};
  const auto way = way_of(whole, &half, kLink, none);
  ASSERT_TRUE(way);
  EXPECT_NEAR(way->load.cold.value(), 20e6, 1e3);
  EXPECT_NEAR(way->load.memory.as_double(), 400e6, 1e4);
  EXPECT_NEAR(way->sooner, std::log(5 / 4.5) / 1.645, 1e-3);
  EXPECT_LT(way->later, way->sooner) << "each half of the interval by itself";
  const auto alone = way_of(whole, nullptr, kLink, none);
  ASSERT_TRUE(alone);
  EXPECT_NEAR(alone->load.cold.value(), 50e6, 1e5) << "it does not end on half of the path";
  whole.converges = false;
  EXPECT_EQ(way_of(whole, &half, kLink, none).error().code, ErrorCode::kUnsupported);
}

TEST(Way, WithoutAProfileItIsTheWorstOfItsHistory) {
  OutcomeRecord quick, slow, failed;
  quick.outcome.status = slow.outcome.status = OutcomeStatus::kCompleted;
  quick.outcome.transferred.qemu = 1_GB;
  slow.outcome.transferred.qemu = 3_GB;
  failed.outcome.transferred.qemu = 9_GB;
  const Costs none{Seconds(0), Seconds(0), Seconds(0)};
  const Estimate known = without_profile("db", 2_GiB, kLink, {quick, slow, failed}, none);
  EXPECT_EQ(known.ways.at(0).load.memory, 3_GB);
  EXPECT_EQ(known.ground, "the worst of 2 earlier moves");
  const Estimate unknown = without_profile("db", 2_GiB, kLink, {}, none);
  EXPECT_EQ(unknown.ways.at(0).load.memory, 4_GiB);
  EXPECT_GT(unknown.ways.at(0).later, 0.4);
}

RC_GTEST_PROP(FleetPlanProperty, EachVmMovesOrIsABlockerAndAPlanIsTheSameForASeed, ()) {
  Situation now = situation();
  for (FleetHost& host : now.inventory.hosts) {
    host.memory = Bytes(*rc::gen::inRange<std::int64_t>(0, 9) << 30);
  }
  for (auto& [vm, estimate] : now.estimates) {
    estimate = takes(vm, Seconds(*rc::gen::inRange(1, 100)));
  }
  const FleetPlan plan = plan_of(now);
  RC_ASSERT(plan.moves.size() + plan.blockers.size() == 3u);
  RC_ASSERT(plan_of(now).finish == plan.finish);
  for (const PlannedMove& move : plan.moves) {
    RC_ASSERT(move.finish.p05 <= move.finish.p50 && move.finish.p50 <= move.finish.p95);
    RC_ASSERT(plan.finish.p95 + Seconds(1e-9) >= move.finish.p95);
    for (const std::size_t other : move.after) RC_ASSERT(plan.moves[other].start < move.start);
  }
}

}  // namespace
}  // namespace godwit::fleet
