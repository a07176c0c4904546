#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "godwit/base/rng.h"
#include "godwit/learn/estimator.h"
#include "godwit/train/selection.h"
#include "godwit/train/trainer.h"
#include "trained.h"

namespace godwit::train {
namespace {

using testing::Contains;
using testing::Not;

/// Rows of three features, of which the last is noise; four loads that come in turn.
LabelledRows labelled_rows(std::size_t count, double (*truth)(double, double)) {
  Rng rng(3);
  LabelledRows labelled;
  labelled.features = {"a", "b", "noise"};
  for (std::size_t i = 0; i < count; ++i) {
    const double a = rng.uniform() * 4;
    const double b = rng.uniform() * 4;
    labelled.rows.push_back({a, b, rng.uniform()});
    labelled.labels.push_back(truth(a, b));
    labelled.groups.push_back(std::string(1, static_cast<char>('p' + i % 4)));
  }
  return labelled;
}
double smooth(double a, double b) {
  return 100 + 10 * std::sin(a) + 3 * b;
}
double stepped(double a, double b) {
  return a > 2 && b > 1 ? 50 : 20;
}

double worst_error(const learn::Estimator& estimator, const LabelledRows& all) {
  double worst = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    worst = std::max(worst, std::abs(estimator.predict(all.rows[i]) - all.labels[i]));
  }
  return worst;
}

TEST(Svr, LearnsASmoothFunction) {
  const LabelledRows known = labelled_rows(200, smooth);
  const auto options = best_svr_options(trainer(), known);
  ASSERT_TRUE(options);
  const auto svr = trainer().svr(known, *options);
  ASSERT_TRUE(svr) << svr.error().message;
  EXPECT_EQ((*svr)->width(), 3u);
  const double inner[] = {1.0, 2.0, 0.5};
  EXPECT_NEAR((*svr)->predict(inner), smooth(1, 2), 1.5);
  EXPECT_LT(worst_error(**svr, known), 4);
}

TEST(Svr, AnUnknownFeatureStandsForItsMean) {
  const auto svr = trainer().svr(labelled_rows(200, smooth), {});
  const double unknown[] = {1.0, std::nan(""), 0.5};
  const double mean[] = {1.0, 2.0, 0.5};
  EXPECT_NEAR((*svr)->predict(unknown), (*svr)->predict(mean), 1.5);
}

TEST(Svr, AColumnThatNeverVariesDoesNoHarm) {
  LabelledRows same = labelled_rows(50, smooth);
  for (auto& row : same.rows) row[2] = 7;
  const auto svr = trainer().svr(same, {});
  ASSERT_TRUE(svr);
  EXPECT_TRUE(std::isfinite((*svr)->predict(same.rows[0])));
}

TEST(Svr, BadOptionsAreRefused) {
  EXPECT_FALSE(trainer().svr(labelled_rows(20, smooth), {.c = -1}));
  EXPECT_FALSE(trainer().svr({}, {}));
}

TEST(Boosting, LearnsSteps) {
  const LabelledRows known = labelled_rows(300, stepped);
  const auto boosted = trainer().boosting(known);
  ASSERT_TRUE(boosted) << boosted.error().message;
  const double low[] = {1.0, 3.0, 0.5};
  const double high[] = {3.0, 3.0, 0.5};
  EXPECT_NEAR((*boosted)->predict(low), 20, 2);
  EXPECT_NEAR((*boosted)->predict(high), 50, 2);
  const double unknown[] = {std::nan(""), std::nan(""), std::nan("")};
  EXPECT_TRUE(std::isfinite((*boosted)->predict(unknown)));
}

TEST(Boosting, TheSameSeedGivesTheSameTrees) {
  const LabelledRows known = labelled_rows(100, smooth);
  EXPECT_EQ((*trainer().boosting(known))->to_json(), (*trainer().boosting(known))->to_json());
}

TEST(Estimators, AreWhatTheyWereAfterAFile) {
  const LabelledRows known = labelled_rows(120, smooth);
  const auto svr = trainer().svr(known, {});
  const auto boosted = trainer().boosting(known);
  for (const learn::Estimator* const one : {svr->get(), boosted->get()}) {
    const auto again = learn::estimator_from_json(Json::parse(one->to_json().dump()));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ((*again)->width(), one->width());
    for (const auto& row : known.rows) {
      EXPECT_DOUBLE_EQ((*again)->predict(row), one->predict(row));
    }
  }
}

TEST(Estimators, BrokenOnesAreRefused) {
  const LabelledRows known = labelled_rows(40, smooth);
  EXPECT_FALSE(learn::estimator_from_json(Json::array()));
  EXPECT_FALSE(learn::estimator_from_json(Json{{"kind", "oracle"}}));
  for (const Json& whole :
       {(*trainer().svr(known, {}))->to_json(), (*trainer().boosting(known))->to_json()}) {
    for (const auto& [key, value] : whole.items()) {
      Json torn = whole;
      torn.erase(key);
      EXPECT_FALSE(learn::estimator_from_json(torn)) << key;
    }
  }
  Json endless = (*trainer().boosting(known))->to_json();
  endless["trees"][0]["left"][0] = 0;  // a node that is its own child
  EXPECT_FALSE(learn::estimator_from_json(endless));
  Json stranger = (*trainer().boosting(known))->to_json();
  stranger["trees"][0]["feature"][0] = 99;
  EXPECT_FALSE(learn::estimator_from_json(stranger));
}

TEST(Elimination, LeavesNoiseOut) {
  const auto kept = eliminate_features(trainer(), labelled_rows(200, smooth));
  ASSERT_TRUE(kept);
  EXPECT_THAT(*kept, Contains("a"));
  EXPECT_THAT(*kept, Contains("b"));
  EXPECT_THAT(*kept, Not(Contains("noise")));
}

}  // namespace
}  // namespace godwit::train
