// AR(1) and the Markov chain on series whose law is known.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "godwit/base/rng.h"
#include "godwit/forecast/autoregressive.h"
#include "godwit/forecast/markov.h"

namespace godwit::forecast {
namespace {

/// Approximately normal, of deviation 1.
double noise(Rng& rng) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += rng.uniform();
  return sum;
}

/// A series around 100 that keeps `share` of its distance from there.
std::vector<double> autoregressive(std::size_t length, double share, Rng& rng) {
  std::vector<double> series;
  double away = 0;
  for (std::size_t i = 0; i < length; ++i) {
    away = share * away + 5 * noise(rng);
    series.push_back(std::max(0.0, 100 + away));
  }
  return series;
}

TEST(Ar1, ReturnsToTheMeanAsTheSeriesDid) {
  Rng rng(1);
  auto series = autoregressive(4000, 0.8, rng);
  series.push_back(150);
  const auto forecast = forecast_ar1(series, 10);
  ASSERT_TRUE(forecast);
  EXPECT_NEAR(forecast->path[0], 100 + 0.8 * 50, 2.5);
  EXPECT_NEAR(forecast->path[4], 100 + std::pow(0.8, 5) * 50, 2.5);
}

TEST(Ar1, IntervalHoldsTheMeanToCome) {
  Rng rng(2);
  int held = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto series = autoregressive(230, 0.6, rng);
    const std::span<const double> all(series);
    const auto forecast = forecast_ar1(all.first(200), 30);
    double mean = 0;
    for (const double sample : all.last(30)) mean += sample / 30;
    if (forecast->mean.p05 <= mean && mean <= forecast->mean.p95) ++held;
  }
  EXPECT_NEAR(static_cast<double>(held) / kTrials, 0.9, 0.06);  // four standard errors
}

TEST(Ar1, AConstantSeriesStaysAndHasNoDoubt) {
  const std::vector<double> series(20, 7.0);
  const auto forecast = forecast_ar1(series, 5);
  ASSERT_TRUE(forecast);
  EXPECT_DOUBLE_EQ(forecast->mean.p50, 7);
  EXPECT_DOUBLE_EQ(forecast->mean.p05, 7);
}

TEST(Ar1, AlternatingSeriesAlternatesOn) {
  std::vector<double> series;
  for (int i = 0; i < 50; ++i) series.push_back(i % 2 == 0 ? 0 : 10);
  const auto forecast = forecast_ar1(series, 2);
  EXPECT_LT(forecast->path[0], 1);
  EXPECT_GT(forecast->path[1], 9);
}

TEST(Markov, KnowsWhatFollowsWhat) {
  std::vector<double> series;
  for (int i = 0; i < 50; ++i) series.push_back(i % 2 == 0 ? 0 : 10);  // the last one is 10
  const auto forecast = forecast_markov(series, 2, 4);
  ASSERT_TRUE(forecast);
  EXPECT_LT(forecast->path[0], 1);
  EXPECT_GT(forecast->path[1], 9);
  EXPECT_NEAR(forecast->mean.p50, 5, 0.5);
  EXPECT_LT(forecast->mean.p95 - forecast->mean.p05, 5) << "it is all but certain";
}

TEST(Markov, ABurstEndsAsBurstsDid) {
  // 10 intervals of 1, then 2 of 50, over and over; the series ends with the first of a burst
  std::vector<double> series;
  for (int i = 0; i < 20; ++i) {
    series.insert(series.end(), 10, 1.0);
    series.insert(series.end(), 2, 50.0);
  }
  series.pop_back();
  const auto forecast = forecast_markov(series, 12, 6);
  ASSERT_TRUE(forecast);
  EXPECT_GT(forecast->path[0], forecast->path[5]);
  EXPECT_LT(forecast->path[5], 15);
}

TEST(Markov, IntervalHoldsTheMeanOfIndependentNoise) {
  Rng rng(3);
  int held = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> series;
    for (int i = 0; i < 230; ++i) series.push_back(100 + 40 * rng.uniform());
    const std::span<const double> all(series);
    const auto forecast = forecast_markov(all.first(200), 5, 30);
    double mean = 0;
    for (const double sample : all.last(30)) mean += sample / 30;
    if (forecast->mean.p05 <= mean && mean <= forecast->mean.p95) ++held;
  }
  EXPECT_NEAR(static_cast<double>(held) / kTrials, 0.9, 0.06);
}

TEST(Forecasts, RefuseWhatTheyCannotUse) {
  const std::vector<double> good{1, 2, 3};
  const std::vector<double> negative{1, -1};
  const std::vector<double> endless{1, std::numeric_limits<double>::infinity()};
  EXPECT_FALSE(forecast_ar1({}, 1));
  EXPECT_FALSE(forecast_ar1(good, 0));
  EXPECT_FALSE(forecast_ar1(negative, 1));
  EXPECT_FALSE(forecast_markov({}, 2, 1));
  EXPECT_FALSE(forecast_markov(good, 0, 1));
  EXPECT_FALSE(forecast_markov(good, 2, 0));
  EXPECT_FALSE(forecast_markov(endless, 2, 1));
}

RC_GTEST_PROP(Forecasts, StayWithinWhatTheSeriesSaw, ()) {
  const auto length = *rc::gen::inRange<std::size_t>(1, 60);
  std::vector<double> series;
  for (std::size_t i = 0; i < length; ++i) series.push_back(*rc::gen::inRange(0, 1000));
  const auto [low, high] = std::minmax_element(series.begin(), series.end());
  const auto horizon = *rc::gen::inRange<std::size_t>(1, 40);
  const auto markov = forecast_markov(series, *rc::gen::inRange<std::size_t>(1, 12), horizon);
  RC_ASSERT(markov.has_value());
  RC_ASSERT(markov->path.size() == horizon);
  for (const double value : markov->path) RC_ASSERT(*low - 1e-6 <= value && value <= *high + 1e-6);
  const auto ar1 = forecast_ar1(series, horizon);
  RC_ASSERT(ar1.has_value());
  RC_ASSERT(ar1->mean.p05 <= ar1->mean.p50 && ar1->mean.p50 <= ar1->mean.p95);
  RC_ASSERT(ar1->mean.p05 >= 0);
}

}  // namespace
}  // namespace godwit::forecast
