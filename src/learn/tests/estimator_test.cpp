#include "godwit/learn/estimator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "godwit/base/rng.h"

namespace godwit::learn {
namespace {

using testing::Contains;
using testing::Not;

/// Rows of three features, of which the last is noise; four loads that come in turn.
Samples samples(std::size_t count, double (*truth)(double, double)) {
  Rng rng(3);
  Samples samples;
  samples.features = {"a", "b", "noise"};
  for (std::size_t i = 0; i < count; ++i) {
    const double a = rng.uniform() * 4;
    const double b = rng.uniform() * 4;
    samples.rows.push_back({a, b, rng.uniform()});
    samples.targets.push_back(truth(a, b));
    samples.groups.push_back(std::string(1, static_cast<char>('p' + i % 4)));
  }
  return samples;
}
double smooth(double a, double b) {
  return 100 + 10 * std::sin(a) + 3 * b;
}
double stepped(double a, double b) {
  return a > 2 && b > 1 ? 50 : 20;
}

double worst_error(const Estimator& estimator, const Samples& all) {
  double worst = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    worst = std::max(worst, std::abs(estimator.predict(all.rows[i]) - all.targets[i]));
  }
  return worst;
}

TEST(Svr, LearnsASmoothFunction) {
  const Samples known = samples(200, smooth);
  const auto options = best_svr_options(known);
  ASSERT_TRUE(options);
  const auto svr = train_svr(known, *options);
  ASSERT_TRUE(svr) << svr.error().message;
  EXPECT_EQ((*svr)->width(), 3u);
  const double inner[] = {1.0, 2.0, 0.5};
  EXPECT_NEAR((*svr)->predict(inner), smooth(1, 2), 1.5);
  EXPECT_LT(worst_error(**svr, known), 4);
}

TEST(Svr, AnUnknownFeatureStandsForItsMean) {
  const auto svr = train_svr(samples(200, smooth), {});
  const double unknown[] = {1.0, std::nan(""), 0.5};
  const double mean[] = {1.0, 2.0, 0.5};
  EXPECT_NEAR((*svr)->predict(unknown), (*svr)->predict(mean), 1.5);
}

TEST(Svr, AColumnThatNeverVariesDoesNoHarm) {
  Samples same = samples(50, smooth);
  for (auto& row : same.rows) row[2] = 7;
  const auto svr = train_svr(same, {});
  ASSERT_TRUE(svr);
  EXPECT_TRUE(std::isfinite((*svr)->predict(same.rows[0])));
}

TEST(Svr, BadOptionsAreRefused) {
  EXPECT_FALSE(train_svr(samples(20, smooth), {.c = -1}));
  EXPECT_FALSE(train_svr({}, {}));
}

TEST(Boosting, LearnsSteps) {
  const Samples known = samples(300, stepped);
  const auto boosted = train_boosting(known);
  ASSERT_TRUE(boosted) << boosted.error().message;
  const double low[] = {1.0, 3.0, 0.5};
  const double high[] = {3.0, 3.0, 0.5};
  EXPECT_NEAR((*boosted)->predict(low), 20, 2);
  EXPECT_NEAR((*boosted)->predict(high), 50, 2);
  const double unknown[] = {std::nan(""), std::nan(""), std::nan("")};
  EXPECT_TRUE(std::isfinite((*boosted)->predict(unknown)));
}

TEST(Boosting, TheSameSeedGivesTheSameTrees) {
  const Samples known = samples(100, smooth);
  EXPECT_EQ((*train_boosting(known))->to_json(), (*train_boosting(known))->to_json());
}

TEST(Estimators, AreWhatTheyWereAfterAFile) {
  const Samples known = samples(120, smooth);
  const auto svr = train_svr(known, {});
  const auto boosted = train_boosting(known);
  for (const Estimator* const one : {svr->get(), boosted->get()}) {
    const auto again = estimator_from_json(Json::parse(one->to_json().dump()));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ((*again)->width(), one->width());
    for (const auto& row : known.rows) {
      EXPECT_DOUBLE_EQ((*again)->predict(row), one->predict(row));
    }
  }
}

TEST(Estimators, BrokenOnesAreRefused) {
  const Samples known = samples(40, smooth);
  EXPECT_FALSE(estimator_from_json(Json::array()));
  EXPECT_FALSE(estimator_from_json(Json{{"kind", "oracle"}}));
  for (const Json& whole :
       {(*train_svr(known, {}))->to_json(), (*train_boosting(known))->to_json()}) {
    for (const auto& [key, value] : whole.items()) {
      Json torn = whole;
      torn.erase(key);
      EXPECT_FALSE(estimator_from_json(torn)) << key;
    }
  }
  Json endless = (*train_boosting(known))->to_json();
  endless["trees"][0]["left"][0] = 0;  // a node that is its own child
  EXPECT_FALSE(estimator_from_json(endless));
  Json stranger = (*train_boosting(known))->to_json();
  stranger["trees"][0]["feature"][0] = 99;
  EXPECT_FALSE(estimator_from_json(stranger));
}

TEST(Elimination, LeavesNoiseOut) {
  const auto kept = eliminate_features(samples(200, smooth));
  ASSERT_TRUE(kept);
  EXPECT_THAT(*kept, Contains("a"));
  EXPECT_THAT(*kept, Contains("b"));
  EXPECT_THAT(*kept, Not(Contains("noise")));
}

}  // namespace
}  // namespace godwit::learn
