// The equations by hand and the paper's tables are under tests/published/ramanathan.
#include "godwit/forecast/ewma.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "godwit/base/rng.h"

namespace godwit::forecast {
namespace {

TEST(Ewma, StartsFromItsOwnFirstSamplesWhereNoneAreOlder) {
  // alpha = 2/3 for N = 2; start = mean of 3 and 9 = 6: 2/3*3 + 1/3*6 = 4; 2/3*9 + 1/3*4 = 22/3
  const std::vector<double> samples{3, 9};
  const auto levels = ewma(samples, 2);
  ASSERT_TRUE(levels.has_value());
  EXPECT_DOUBLE_EQ((*levels)[0], 4);
  EXPECT_DOUBLE_EQ((*levels)[1], 22.0 / 3);
}

TEST(Ewma, RefusesWhatItCannotUse) {
  const std::vector<double> good{1, 2, 3};
  EXPECT_FALSE(ewma({}, 0).has_value());
  EXPECT_FALSE(ewma(good, 0).has_value());
  EXPECT_FALSE(ewma(good, 4).has_value());
  EXPECT_FALSE(forecast_ewma(good, 3, 0).has_value());
  EXPECT_FALSE(forecast_trend(good, 3, 0).has_value());
  EXPECT_FALSE(ewma(std::vector<double>{1, -1}, 2).has_value());
  EXPECT_FALSE(
      ewma(std::vector<double>{1, std::numeric_limits<double>::infinity()}, 2).has_value());
}

TEST(Ewma, TrendFollowsARisingSeriesAndStaysAboveZeroInAFallingOne) {
  std::vector<double> rising;
  for (int i = 1; i <= 35; ++i) rising.push_back(i);
  const auto up = forecast_trend(rising, 30, 10);
  ASSERT_TRUE(up.has_value());
  EXPECT_GT(up->path.back(), up->path.front());
  std::vector<double> falling(rising.rbegin(), rising.rend());
  const auto down = forecast_trend(falling, 30, 60);
  ASSERT_TRUE(down.has_value());
  EXPECT_GE(*std::min_element(down->path.begin(), down->path.end()), 0);
}

TEST(Ewma, IntervalCoversTheMeanOfIndependentNoise) {
  // Nominal 90 %; 400 trials have a standard error of 1.5 %, so 84-96 % is 4 sigma wide.
  Rng rng(7);
  int covered = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> samples;
    for (int i = 0; i < 65; ++i) samples.push_back(100 + 40 * (rng.uniform() - 0.5));
    const std::span<const double> all(samples);
    const auto forecast = forecast_ewma(all.first(35), 30, 30);
    double mean = 0;
    for (const double sample : all.last(30)) mean += sample / 30;
    covered += forecast->mean.p05 <= mean && mean <= forecast->mean.p95;
  }
  EXPECT_GE(covered, 0.84 * kTrials);
  EXPECT_LE(covered, 0.96 * kTrials);
}

RC_GTEST_PROP(Ewma, LevelsStayWithinTheSamples, ()) {
  auto ints = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000)));
  const std::vector<double> samples(ints.begin(), ints.end());
  const auto n =
      static_cast<std::size_t>(*rc::gen::inRange<int>(1, static_cast<int>(samples.size()) + 1));
  const auto levels = ewma(samples, n);
  RC_ASSERT(levels.has_value() && levels->size() == n);
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  for (const double level : *levels) {
    RC_ASSERT(level >= *low - 1e-9 && level <= *high + 1e-9);
  }
}

RC_GTEST_PROP(Ewma, ForecastsScaleWithTheirUnit, ()) {
  auto ints = *rc::gen::container<std::vector<int>>(20, rc::gen::inRange(1, 1000));
  const std::vector<double> samples(ints.begin(), ints.end());
  std::vector<double> scaled = samples;
  for (double& sample : scaled) sample *= 4096;
  for (const auto forecast : {forecast_ewma, forecast_trend}) {
    const auto a = forecast(samples, 15, 15);
    const auto b = forecast(scaled, 15, 15);
    RC_ASSERT(a->mean.p05 <= a->mean.p50 && a->mean.p50 <= a->mean.p95);
    RC_ASSERT(std::abs(b->mean.p50 - 4096 * a->mean.p50) <= 1e-9 * b->mean.p50 + 1e-9);
    RC_ASSERT(std::abs(b->mean.p95 - 4096 * a->mean.p95) <= 1e-9 * b->mean.p95 + 1e-9);
  }
}

}  // namespace
}  // namespace godwit::forecast
