// The law godwit, as control runs it on the twin: safe where nothing was asked for, only a shadow
// where it may only observe, and to be had again from the outcome.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "godwit/codec/codec.h"
#include "simulated.h"

namespace godwit::control {
namespace {

using model::testing::guest;
using model::testing::uniform;
using testing::HasSubstr;

MigrationOutcome steered(Simulated& run, const std::string& law) {
  run.run.known = {&run.profile, run.link, {}};
  run.law = steer::law_by_name(law, run.run.known).value();
  run.run.requested = {"precopy", law, run.plan.intent, run.run.observe_only};
  if (run.law->engages(run.plan)) {
    if (!run.run.observe_only) run.law->shape(run.plan);
    run.plan.may_end_by_postcopy = !run.plan.intent.no_postcopy;
  }
  return run.go().value();
}

/// As by default, with the defaults of everything else.
RC_GTEST_PROP(OwnLawProperty, WithoutAGoalItIsAsIfThereWereNoLaw, ()) {
  const Bytes set(*rc::gen::inRange<std::int64_t>(1, 200) << 20);
  const BytesPerSecond rate(*rc::gen::inRange(0, 500) * 1e6);
  const auto technique =
      *rc::gen::element(Technique::kPrecopy, Technique::kAutoConverge, Technique::kXbzrle,
                        Technique::kMultifd, Technique::kHybrid, Technique::kPostcopy);
  const bool no_postcopy = *rc::gen::arbitrary<bool>();
  const double speed = *rc::gen::inRange(60, 130) / 100.0;
  MigrationOutcome outcomes[2];
  for (const int which : {0, 1}) {
    Simulated run;
    run.profile = guest(256_MiB, 200_MiB, uniform(set, rate), 0.1);
    run.options.chance.speed = speed;
    run.plan.technique = technique;
    run.plan.max_time = Seconds(120);
    run.plan.intent.no_postcopy = no_postcopy;
    outcomes[which] = steered(run, which == 0 ? "none" : "godwit");
    outcomes[which].requested = {};
    outcomes[which].started_wall_us = 0;
  }
  RC_ASSERT(outcomes[0] == outcomes[1]);
}

/// What an intent can lose by the law: nothing that it would have had without.
RC_GTEST_PROP(OwnLawProperty, WhatEndsAsWantedWithoutItEndsAsWantedWithIt, ()) {
  const Bytes set(*rc::gen::inRange<std::int64_t>(1, 200) << 20);
  const BytesPerSecond rate(*rc::gen::inRange(0, 200) * 1e6);
  const bool no_postcopy = *rc::gen::arbitrary<bool>();
  const Seconds downtime(*rc::gen::element(0.4, 1.0, 2.0));
  MigrationOutcome outcomes[2];
  for (const int which : {0, 1}) {
    Simulated run;
    run.profile = guest(256_MiB, 200_MiB, uniform(set, rate), 0.1);
    run.plan.max_time = run.plan.intent.max_time = Seconds(60);
    run.plan.intent.max_downtime = downtime;
    run.plan.intent.no_postcopy = no_postcopy;
    outcomes[which] = steered(run, which == 0 ? "none" : "godwit");
  }
  const auto kept = [&](const MigrationOutcome& outcome) {
    return outcome.status == OutcomeStatus::kCompleted && *outcome.total_time <= Seconds(60) &&
           outcome.downtime.events.value_or(Seconds(0)) <= downtime;
  };
  RC_ASSERT(!kept(outcomes[0]) || kept(outcomes[1]));
  if (!kept(outcomes[0])) return;
  // It may take longer for a shorter stop, but not much.
  RC_ASSERT(outcomes[1].total_time->count() <= 1.6 * outcomes[0].total_time->count() + 1);
}

/// A promise is kept as it was given: with the limits that it was made for.
TEST(OwnLaw, WhatWasPromisedIsLeftAloneWhileItKeepsTheIntent) {
  MigrationOutcome outcomes[2];
  for (const int which : {0, 1}) {
    Simulated run;
    run.profile = writer(30_MB_per_s);
    run.plan.is_promised = true;
    run.plan.parameters.downtime_limit = Seconds(1);
    run.plan.max_time = run.plan.intent.max_time = Seconds(60);
    run.plan.intent.max_downtime = Seconds(1.5);
    outcomes[which] = steered(run, which == 0 ? "none" : "godwit");
    outcomes[which].requested = {};
  }
  EXPECT_EQ(outcomes[0].status, OutcomeStatus::kCompleted);
  EXPECT_EQ(outcomes[0], outcomes[1]);
}

TEST(OwnLaw, WhatWasPromisedIsMendedOnceItWouldNotBeKept) {
  MigrationOutcome outcomes[2];
  for (const int which : {0, 1}) {
    Simulated run;
    run.profile = writer(60_MB_per_s);  // busier than what was promised was made for
    run.plan.is_promised = true;
    run.plan.parameters.downtime_limit = Seconds(0.05);
    run.plan.max_time = run.plan.intent.max_time = Seconds(60);
    run.plan.intent.max_downtime = Seconds(2);
    outcomes[which] = steered(run, which == 0 ? "none" : "godwit");
  }
  EXPECT_EQ(outcomes[0].status, OutcomeStatus::kDidNotConverge);
  EXPECT_EQ(outcomes[1].status, OutcomeStatus::kCompleted);
  EXPECT_LE(outcomes[1].downtime.events, Seconds(2));
}

TEST(OwnLaw, OnlyObservingItDecidesAndNothingIsOrdered) {
  Simulated left_alone;
  left_alone.profile = writer(60_MB_per_s);
  left_alone.plan.max_time = Seconds(30);
  const MigrationOutcome alone = steered(left_alone, "none");

  Simulated shadow;
  shadow.profile = writer(60_MB_per_s);
  shadow.plan.max_time = Seconds(30);
  shadow.plan.intent.max_downtime = Seconds(2);
  shadow.run.observe_only = true;
  const MigrationOutcome outcome = steered(shadow, "godwit");
  EXPECT_EQ(outcome.status, alone.status);
  EXPECT_EQ(outcome.total_time, alone.total_time) << "it went on as without a law";
  EXPECT_EQ(outcome.rounds.size(), alone.rounds.size());
  ASSERT_FALSE(outcome.orders.empty());
  for (const AppliedOrder& order : outcome.orders) {
    EXPECT_THAT(order.refused, HasSubstr("observed only"));
    EXPECT_FALSE(order.order.why.empty());
  }
}

TEST(OwnLaw, ItsWishToGiveUpIsNoneWhereItOnlyObserves) {
  Simulated shadow;
  shadow.profile = writer(400_MB_per_s);
  shadow.plan.max_time = shadow.plan.intent.max_time = Seconds(20);
  shadow.plan.intent.max_downtime = Seconds(0.1);
  shadow.plan.intent.max_slowdown = Ratio(0.01);
  shadow.plan.intent.no_postcopy = true;
  shadow.run.observe_only = true;
  const MigrationOutcome outcome = steered(shadow, "godwit");
  EXPECT_EQ(outcome.status, OutcomeStatus::kDidNotConverge) << "by its time, not by the law";
  ASSERT_FALSE(outcome.orders.empty());
  EXPECT_TRUE(outcome.orders.back().order.give_up);
}

TEST(OwnLaw, NeverGivesUpAtOnceUnlessTheTimeIsLimited) {
  Simulated run;
  run.profile = writer(400_MB_per_s);
  run.plan.max_time = Seconds(120);
  run.plan.intent.max_downtime = Seconds(0.3);
  run.plan.intent.max_slowdown = Ratio(0.01);
  run.plan.intent.no_postcopy = true;
  const MigrationOutcome patient = steered(run, "godwit");
  EXPECT_EQ(patient.status, OutcomeStatus::kDidNotConverge);
  ASSERT_EQ(patient.orders.size(), 1u);
  EXPECT_LT(*patient.orders.front().order.downtime_limit, Seconds(0.3));
  EXPECT_GT(*patient.orders.front().order.downtime_limit, Seconds(0.2));

  Simulated hurried;
  hurried.profile = writer(400_MB_per_s);
  hurried.plan = run.plan;
  hurried.plan.intent.max_time = Seconds(120);
  const MigrationOutcome ended = steered(hurried, "godwit");
  EXPECT_EQ(ended.status, OutcomeStatus::kCancelled);
  EXPECT_THAT(ended.reason, HasSubstr("will not end"));
}

/// Shows a fresh law the rounds of an outcome, and what was ordered and accepted then.
std::vector<Order> replayed(const MigrationOutcome& outcome, const GuestProfile& profile,
                            const Link& link) {
  auto law = steer::law_by_name(outcome.requested.law, {&profile, link, {}}).value();
  MigrationPlan plan;
  plan.technique = Technique::kPrecopy;
  plan.parameters = outcome.parameters;
  plan.intent = outcome.requested.intent;
  plan.max_time = plan.intent.max_time;
  SessionView session;
  session.launched = true;
  session.status.phase = MigrationPhase::kActive;
  session.status.total = profile.ram;
  MigrationParameters limits = plan.parameters;
  Ratio quota(1);
  bool may_slow_down = true;
  std::vector<Order> orders;
  // A sync that leads into the switchover asks no law.
  const bool postcopied = std::any_of(
      outcome.orders.begin(), outcome.orders.end(),
      [](const AppliedOrder& one) { return one.order.switch_to_postcopy && one.refused.empty(); });
  const bool switched_over = outcome.status == OutcomeStatus::kCompleted && !postcopied;
  const std::size_t asked = outcome.rounds.size() - (switched_over ? 2 : 1);
  for (std::size_t i = 1; i <= asked; ++i) {
    const std::span<const RoundRecord> rounds(outcome.rounds.data(), i);
    const Seconds end = rounds.back().started + rounds.back().duration;
    const Order order = law->after_round({plan, session, steer::Stage::kPrecopy, rounds,
                                          static_cast<std::int64_t>(i) + 1, end, limits,
                                          !plan.intent.no_postcopy, may_slow_down, quota});
    if (!order.wants_something()) continue;
    orders.push_back(order);
    if (orders.size() > outcome.orders.size()) break;
    if (!outcome.orders[orders.size() - 1].refused.empty()) {
      may_slow_down = may_slow_down && !order.cpu_quota;
      continue;
    }
    if (order.downtime_limit) limits.downtime_limit = order.downtime_limit;
    if (order.cpu_quota) quota = *order.cpu_quota;
    if (order.switch_to_postcopy || order.give_up) break;
  }
  return orders;
}

RC_GTEST_PROP(OwnLawProperty, ItsOrdersFollowFromTheOutcomeAlone, ()) {
  const Bytes set(*rc::gen::inRange<std::int64_t>(16, 200) << 20);
  const BytesPerSecond rate(*rc::gen::inRange(20, 300) * 1e6);
  Simulated run;
  run.profile = guest(256_MiB, 200_MiB, uniform(set, rate), 0.1);
  run.plan.max_time = run.plan.intent.max_time = Seconds(60);
  run.plan.intent.max_downtime = Seconds(*rc::gen::element(0.1, 0.3, 1.0, 3.0));
  run.plan.intent.no_postcopy = *rc::gen::arbitrary<bool>();
  const MigrationOutcome outcome = steered(run, "godwit");
  const auto kept = outcome_from_json(to_json(outcome));  // as it is kept
  RC_ASSERT(kept);
  std::vector<Order> given;
  for (const AppliedOrder& one : kept->orders) given.push_back(one.order);
  const std::vector<Order> again = replayed(*kept, run.profile, run.link);
  RC_ASSERT(again.size() == given.size());
  for (std::size_t i = 0; i < given.size(); ++i) {
    RC_ASSERT(again[i].wants_the_same_as(given[i]));
    RC_ASSERT(again[i].weighed.size() == given[i].weighed.size());
  }
}

}  // namespace
}  // namespace godwit::control
