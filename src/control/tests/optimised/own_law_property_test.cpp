// What the law godwit is worth, whatever the guest: nothing is lost by it, and its orders are to be
// had again from the outcome.

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
