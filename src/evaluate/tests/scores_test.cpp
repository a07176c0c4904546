#include "godwit/evaluate/scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "godwit/base/rng.h"

namespace godwit::evaluate {
namespace {

EvaluatedPrediction prediction(const char* model, const char* technique, double predicted,
                               double actual) {
  return {model,
          technique,
          Metric::kTotalTime,
          {{predicted, predicted * 0.9, predicted * 1.1}, true},
          actual};
}

TEST(Scores, AreByTechniqueAndOverAll) {
  const std::vector<EvaluatedPrediction> all{prediction("a", "precopy", 11, 10),
                                             prediction("a", "postcopy", 12, 10),
                                             prediction("a", "precopy", 10, 10)};
  const std::vector<Score> scores = score(all);
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(scores[0].technique, "all");
  EXPECT_EQ(scores[0].n, 3u);
  EXPECT_NEAR(*scores[0].mean_rel, 0.1, 1e-12);
  EXPECT_NEAR(*scores[0].median_rel, 0.1, 1e-12);
  EXPECT_NEAR(*scores[0].p90_rel, 0.18, 1e-12);
  EXPECT_NEAR(*scores[0].coverage90, 2.0 / 3, 1e-12);
  EXPECT_NEAR(*scores[0].width90_abs, 2.2, 1e-12);
  EXPECT_NEAR(*scores[0].width90_rel, 0.22, 1e-12);
  EXPECT_EQ(scores[1].technique, "precopy");
  EXPECT_NEAR(*scores[1].median_rel, 0.05, 1e-12);
  EXPECT_EQ(scores[2].technique, "postcopy");
}

TEST(Scores, RelativeErrorsNeedActualValuesAboveZero) {
  const std::vector<EvaluatedPrediction> all{prediction("a", "precopy", 1, 0),
                                             prediction("a", "precopy", 1, 2)};
  const Score first = score(all).front();
  EXPECT_EQ(first.median_rel, std::nullopt);
  EXPECT_DOUBLE_EQ(first.median_abs, 1);
  EXPECT_EQ(first.width90_rel, std::nullopt);
}

TEST(Scores, OfVerdictsCountTheWrongOnes) {
  const std::vector<EvaluatedVerdict> all{{"a", 1, true}, {"b", 1, false}, {"a", 0, true}};
  const std::vector<VerdictScore> scores = score(all);
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].n, 2u);
  EXPECT_EQ(scores[0].wrong, 1u);
  EXPECT_EQ(scores[1].wrong, 1u);
}

// By hand: (0.2^2 + 0.4^2) / 2, and -(ln 0.8 + ln 0.6) / 2.
TEST(Scores, OfVerdictsTellHowOftenTheyCameTrue) {
  const std::vector<EvaluatedVerdict> verdicts{{"m", 0.0, false},
                                               {"m", 0.62, true},
                                               {"m", 0.68, false},
                                               {"m", 1.0, true},
                                               {"m", 0.95, true}};
  const auto bins = score(verdicts)[0].calibration;
  EXPECT_EQ(bins[0].n, 1U);
  EXPECT_EQ(bins[0].came, 0);
  EXPECT_EQ(bins[6].n, 2U);
  EXPECT_NEAR(bins[6].said, 0.65, 1e-12);
  EXPECT_NEAR(bins[6].came, 0.5, 1e-12);
  EXPECT_EQ(bins[9].n, 2U);
  EXPECT_EQ(bins[5].n, 0U);
}

TEST(Scores, OfVerdictsWeighHowSureTheyWere) {
  const std::vector<EvaluatedVerdict> all{{"a", 0.8, true}, {"a", 0.4, false}};
  const VerdictScore sure = score(all).front();
  EXPECT_EQ(sure.wrong, 0u);
  EXPECT_NEAR(sure.brier, 0.1, 1e-12);
  EXPECT_NEAR(sure.log_loss, 0.36698, 1e-5);
  const std::vector<EvaluatedVerdict> surely_wrong{{"a", 1, false}};
  EXPECT_DOUBLE_EQ(score(surely_wrong).front().brier, 1);
  EXPECT_DOUBLE_EQ(score(surely_wrong).front().log_loss, -std::log(kLeastSaid));
}

TEST(ExpectedNext, WithoutTwoValuesThereIsNoInterval) {
  EXPECT_EQ(expected_next({}), std::nullopt);
  const std::vector<double> one{3};
  EXPECT_FALSE(expected_next(one)->has_interval);
  EXPECT_DOUBLE_EQ(expected_next(one)->value.p50, 3);
}

// Four values of a log-normal law, then a fifth: the interval holds it in nine cases out of ten.
TEST(ExpectedNext, HoldsTheNextValueNineTimesOutOfTen) {
  Rng rng(7);
  const auto next = [&rng] {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += rng.uniform();
    return std::exp(0.3 * (sum - 6));
  };
  int held = 0;
  constexpr int kTrials = 4000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> seen;
    for (int i = 0; i < 4; ++i) seen.push_back(next());
    const auto expected = expected_next(seen);
    const double fifth = next();
    if (expected->value.p05 <= fifth && fifth <= expected->value.p95) ++held;
  }
  EXPECT_NEAR(static_cast<double>(held) / kTrials, 0.9, 0.02);
}

}  // namespace
}  // namespace godwit::evaluate
