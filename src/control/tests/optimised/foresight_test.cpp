// What is expected of a migration while it runs, on the twin, where the truth is known: guests,
// links and chances of all kinds, with and without a profile.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/base/statistics.h"
#include "godwit/twin/predictor.h"
#include "simulated.h"

namespace godwit::control {
namespace {

using model::testing::guest;
using model::testing::sequential;
using model::testing::uniform;

/// What was said at one moment.
struct Said {
  Progress now;
  steer::Stage stage = steer::Stage::kOver;
  std::size_t events = 0;  ///< rounds and orders up to then
};

/// A migration, and all that was said of its end.
struct Followed {
  MigrationOutcome outcome;
  std::vector<Said> said;
};

struct Setting {
  GuestProfile profile;
  Link link;
  bool known = true;
  std::string law = "none";
  Intent intent{};
  twin::SessionOptions options{};
};

Followed follow(const Setting& setting) {
  Simulated run;
  run.profile = setting.profile;
  run.link = setting.link;
  run.options = setting.options;
  run.plan.max_time = setting.intent.max_time.value_or(Seconds(120));
  run.plan.intent = setting.intent;
  run.plan.parameters.max_bandwidth = setting.link.rate;
  const auto predicted =
      twin::Predictor::make(setting.profile, setting.link)->predict(Technique::kPrecopy, {});
  if (setting.known) run.run.known = {&setting.profile, setting.link, {}, &*predicted};
  run.law = steer::law_by_name(setting.law, {&setting.profile, setting.link, {}}).value();
  run.law->shape(run.plan);
  Followed followed;
  std::size_t events = 0;
  run.run.on_event = [&events](const RunEvent&) { ++events; };
  run.run.on_progress = [&](const Progress& p) {
    followed.said.push_back({p, steer::stage_of(run.session->view()), events});
  };
  followed.outcome = run.go().value();
  return followed;
}

/// Guests that end, links and chances, the same in every run of the test.
std::vector<Setting> many(bool known) {
  std::vector<Setting> all;
  Rng rng(7);
  const twin::HostPairConstants pair;
  for (int i = 0; i < 120; ++i) {
    Setting one;
    const Bytes set(static_cast<std::int64_t>((16 + 112 * rng.uniform()) * (1 << 20)));
    const BytesPerSecond rate(2e6 + 40e6 * rng.uniform());
    one.profile =
        guest(256_MiB, 200_MiB, i % 3 == 0 ? sequential(set, rate) : uniform(set, rate), 0.1);
    one.link.rate = BytesPerSecond(30e6 + 70e6 * rng.uniform());
    one.known = known;
    one.options.chance.speed = 1 + pair.rate_error.value() * (2 * rng.uniform() - 1);
    one.options.chance.phase = rng.uniform();
    one.options.chance.curve = 2 * rng.uniform() - 1;
    all.push_back(std::move(one));
  }
  return all;
}

struct Scores {
  std::vector<double> errors;  ///< of the whole time, relative
  int held = 0;                ///< by the 90 % interval
};

Scores scores_after_round_one(bool known) {
  Scores scores;
  for (const Setting& setting : many(known)) {
    const MigrationOutcome outcome = follow(setting).outcome;
    if (outcome.status != OutcomeStatus::kCompleted || outcome.rounds.size() < 2) continue;
    const RoundRecord& first = outcome.rounds.front();
    if (!first.then.eta) continue;
    const double end = (first.started + first.duration).count();
    const double total = outcome.total_time->count();
    scores.errors.push_back(std::abs(end + first.then.eta->p50.count() - total) / total);
    const double margin = 1e-3;  // a look is that late
    if (end + first.then.eta->p05.count() <= total + margin + 0.05 &&
        total <= end + first.then.eta->p95.count() + margin + 0.05) {
      ++scores.held;
    }
  }
  return scores;
}

TEST(Foresight, AfterTheFirstRoundTheEndIsKnownWithinAFewPercent) {
  for (const bool known : {true, false}) {
    const Scores scores = scores_after_round_one(known);
    const auto n = static_cast<double>(scores.errors.size());
    ASSERT_GE(n, 60);
    std::printf(
        "%s profile: %.0f migrations, ETA after round 1: median %.1f %%, p90 %.1f %%, "
        "90 %% interval holds in %.0f %%\n",
        known ? "with a" : "without a", n, 100 * quantile(scores.errors, 0.5),
        100 * quantile(scores.errors, 0.9), 100 * scores.held / n);
    EXPECT_LE(quantile(scores.errors, 0.5), 0.05);
    EXPECT_GE(scores.held / n, 0.8);
  }
}

/// The end that is expected never moves by more than a tenth from one look to the next, unless a
/// round, an order or another stage says why.
RC_GTEST_PROP(ForesightProperty, WhatIsExpectedJumpsOnlyWhereAnEventSaysWhy, ()) {
  Setting setting;
  const Bytes set(*rc::gen::inRange<std::int64_t>(1, 200) << 20);
  const BytesPerSecond rate(*rc::gen::inRange(1, 300) * 1e6);
  setting.profile = guest(256_MiB, 200_MiB, uniform(set, rate), 0.1);
  setting.link.rate = BytesPerSecond(*rc::gen::inRange(10, 200) * 1e6);
  setting.known = *rc::gen::arbitrary<bool>();
  setting.options.chance.speed = *rc::gen::inRange(50, 130) / 100.0;
  setting.law = *rc::gen::element<std::string>("none", "godwit", "kubevirt-ramp", "jin");
  if (*rc::gen::arbitrary<bool>()) setting.intent.max_downtime = Seconds(0.3);
  const Followed followed = follow(setting);
  for (std::size_t i = 1; i < followed.said.size(); ++i) {
    const Said& before = followed.said[i - 1];
    const Said& now = followed.said[i];
    if (!before.now.forecast.eta || !now.now.forecast.eta) continue;
    if (before.events != now.events || before.stage != now.stage) continue;
    const double then = (before.now.elapsed + before.now.forecast.eta->p50).count();
    const double end = (now.now.elapsed + now.now.forecast.eta->p50).count();
    const double late = std::max(0.0, now.now.elapsed.count() - then);  // it is not over yet
    RC_ASSERT(std::abs(end - then) <= 0.1 * then + late);
    RC_ASSERT(now.now.forecast.eta->p05 <= now.now.forecast.eta->p50);
    RC_ASSERT(now.now.forecast.eta->p50 <= now.now.forecast.eta->p95);
  }
}

TEST(Foresight, TheProbabilityIsThatOfTheIntent) {
  Setting calm;
  calm.profile = writer(5_MB_per_s);
  calm.link.rate = kLink;
  calm.intent.max_time = Seconds(60);
  const Followed good = follow(calm);
  ASSERT_FALSE(good.said.empty());
  EXPECT_GT(good.said[good.said.size() / 2].now.forecast.ends->value(), 0.9);

  Setting wild = calm;
  wild.profile = writer(400_MB_per_s);
  const Followed bad = follow(wild);
  EXPECT_EQ(bad.outcome.status, OutcomeStatus::kDidNotConverge);
  EXPECT_LT(bad.said.back().now.forecast.ends->value(), 0.1);
  EXPECT_FALSE(bad.said.back().now.forecast.eta) << "it never ends";
  for (const RoundRecord& round : good.outcome.rounds) {
    if (round.number < static_cast<int>(good.outcome.rounds.size())) {
      EXPECT_TRUE(round.then.eta) << round.number;
    }
  }
}

/// The brief of `--events`: each round and each order once, in their order.
TEST(Foresight, EachRoundAndEachOrderIsAnEvent) {
  Simulated run;
  run.profile = writer(60_MB_per_s);
  run.plan.intent.max_downtime = Seconds(2);
  run.run.known = {&run.profile, run.link, {}};
  run.law = steer::law_by_name("godwit", run.run.known).value();
  run.law->shape(run.plan);
  std::vector<int> rounds;
  std::vector<AppliedOrder> orders;
  run.run.on_event = [&](const RunEvent& event) {
    if (event.round != nullptr) rounds.push_back(event.round->number);
    if (event.order != nullptr) orders.push_back(*event.order);
  };
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  ASSERT_FALSE(outcome->orders.empty());
  EXPECT_EQ(orders, outcome->orders);
  ASSERT_EQ(rounds.size(), outcome->rounds.size());
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    EXPECT_EQ(rounds[i], outcome->rounds[i].number);
  }
}

}  // namespace
}  // namespace godwit::control
