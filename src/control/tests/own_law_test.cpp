// The law godwit, as control runs it on the twin: safe where nothing was asked for, and only a
// shadow where it may only observe.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulated.h"

namespace godwit::control {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace godwit::control
