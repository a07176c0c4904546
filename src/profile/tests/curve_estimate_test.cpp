#include "curve_estimate.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "godwit/base/rng.h"

namespace godwit::profile {
namespace {

TEST(PagesToSample, FollowsTheWantedError) {
  // z = 1.6449: n0 = z^2 / (4 * 0.005^2) = 27055.4; by hand for 131072 pages (512 MiB):
  // 27055.4 / (1 + 27054.4 / 131072) = 22426.4.
  EXPECT_EQ(pages_to_sample(1'000'000'000'000, 0.005), 27056);
  EXPECT_EQ(pages_to_sample(131'072, 0.005), 22'427);
  EXPECT_EQ(pages_to_sample(100, 0.005), 100) << "small guests are read whole";
  EXPECT_EQ(pages_to_sample(131'072, 0), 131'072) << "so is any, when no error is allowed";
  EXPECT_EQ(pages_to_sample(1, 0.4), 1);
}

RC_GTEST_PROP(PagesToSample, IsEnoughAndNotMuchMore, (double where)) {
  const auto population = *rc::gen::inRange<std::int64_t>(2, 100'000'000);
  const double wanted =
      0.001 + 0.1 * std::abs(std::remainder(std::isfinite(where) ? where : 0.3, 1));
  const auto n = static_cast<double>(pages_to_sample(population, wanted));
  const auto all = static_cast<double>(population);
  const double half_width = 1.6448536269514722 * std::sqrt((all - n) / (all - 1) / (4 * n));
  RC_ASSERT(half_width <= wanted * (1 + 1e-9));
  const double fewer = std::max(1.0, n - 1);
  const double wider = 1.6448536269514722 * std::sqrt((all - fewer) / (all - 1) / (4 * fewer));
  RC_ASSERT(n == 1 || wider > wanted * (1 - 1e-9));
}

TEST(EstimateShare, OfAllPagesIsExact) {
  const Share share = estimate_share(0.25, 400, 400);
  EXPECT_EQ(share.low, 0.25);
  EXPECT_EQ(share.high, 0.25);
}

TEST(EstimateShare, MatchesWilsonByHand) {
  // p = 0.1, n = 100 of (nearly) infinitely many, z = 1.6449: centre (0.1 + 0.013528) / 1.027055 =
  // 0.110537; half-width 1.6449 / 1.027055 * sqrt(0.0009 + 0.00006764) = 0.049820.
  const Share share = estimate_share(0.1, 100, 1'000'000'000'000);
  EXPECT_NEAR(share.low, 0.060717, 1e-5);
  EXPECT_NEAR(share.high, 0.160357, 1e-5);
}

TEST(EstimateShare, OfNothingSeenStillAllowsForSomething) {
  const Share share = estimate_share(0, 1000, 1'000'000);
  EXPECT_EQ(share.low, 0);
  EXPECT_GT(share.high, 0.002);
  EXPECT_LT(share.high, 0.003);
}

RC_GTEST_PROP(EstimateShare, HoldsTheEstimateAndWhatIsCertain, ()) {
  const auto population = *rc::gen::inRange<std::int64_t>(1, 10'000'000);
  const auto sampled = *rc::gen::inRange<std::int64_t>(1, population + 1);
  const auto changed = *rc::gen::inRange<std::int64_t>(0, sampled + 1);
  const double p = static_cast<double>(changed) / static_cast<double>(sampled);
  const Share share = estimate_share(p, sampled, population);
  RC_ASSERT(share.low <= share.estimate && share.estimate <= share.high);
  const double slack = 1e-9 * static_cast<double>(population);
  RC_ASSERT(share.low * static_cast<double>(population) >= static_cast<double>(changed) - slack);
  RC_ASSERT((1 - share.high) * static_cast<double>(population) >=
            static_cast<double>(sampled - changed) - slack);
}

double log_choose(std::int64_t of, std::int64_t taken) {
  const auto log_factorial = [](std::int64_t n) { return std::lgamma(static_cast<double>(n) + 1); };
  return log_factorial(of) - log_factorial(taken) - log_factorial(of - taken);
}

/// How often the 90 % interval of a sample holds the population's true share: over all that a
/// sample may hold, each with its probability (hypergeometric).
double coverage(std::int64_t population, std::int64_t sampled, std::int64_t changed) {
  const double truth = static_cast<double>(changed) / static_cast<double>(population);
  double held = 0;
  for (std::int64_t hits = std::max<std::int64_t>(0, sampled - (population - changed));
       hits <= std::min(sampled, changed); ++hits) {
    const Share share = estimate_share(static_cast<double>(hits) / static_cast<double>(sampled),
                                       sampled, population);
    if (truth < share.low || share.high < truth) continue;
    held += std::exp(log_choose(changed, hits) + log_choose(population - changed, sampled - hits) -
                     log_choose(population, sampled));
  }
  return held;
}

TEST(EstimateShare, CoversTheTruthNineTimesInTenAndNeverMuchLess) {
  for (const std::int64_t sampled : {500, 2000}) {
    double sum = 0;
    int truths = 0;
    for (std::int64_t changed = 0; changed <= 5000; changed += 20, ++truths) {
      const double held = coverage(5000, sampled, changed);
      EXPECT_GE(held, 0.83) << changed << " of 5000, " << sampled << " sampled";
      sum += held;
    }
    EXPECT_GE(sum / truths, 0.9) << "over all that the truth may be, " << sampled << " sampled";
  }
  // the worst of all: next to none changed
  EXPECT_NEAR(coverage(5000, 500, 25), 0.831, 0.001);
}

RC_GTEST_PROP(Isotonic, NeverFallsAndKeepsWhatDidNot, ()) {
  const auto raw = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000));
  std::vector<double> values(raw.begin(), raw.end());
  std::vector<double> weights;
  for (std::size_t i = 0; i < values.size(); ++i) weights.push_back(*rc::gen::inRange(1, 3));
  const auto fitted = isotonic(values, weights);
  RC_ASSERT(fitted.size() == values.size());
  RC_ASSERT(std::is_sorted(fitted.begin(), fitted.end()));
  const double mass = std::inner_product(values.begin(), values.end(), weights.begin(), 0.0);
  const double fitted_mass = std::inner_product(fitted.begin(), fitted.end(), weights.begin(), 0.0);
  RC_ASSERT(std::abs(mass - fitted_mass) < 1e-6 * (1 + mass));
  std::vector<double> higher = values;
  for (double& value : higher) value += *rc::gen::inRange(0, 100);
  const auto fitted_higher = isotonic(higher, weights);
  for (std::size_t i = 0; i < fitted.size(); ++i) {
    RC_ASSERT(fitted[i] <= fitted_higher[i] * (1 + 1e-12));
  }
  std::sort(values.begin(), values.end());
  const auto again = isotonic(values, weights);
  for (std::size_t i = 0; i < values.size(); ++i) RC_ASSERT(std::abs(again[i] - values[i]) < 1e-9);
}

TEST(Isotonic, PoolsByWeight) {
  const std::vector<double> values{1, 5, 2, 4};
  const std::vector<double> weights{1, 2, 1, 1};
  const std::vector<double> pooled{1, 4, 4, 4};  // (5*2 + 2*1) / 3 = 4, then 4 joins
  EXPECT_EQ(isotonic(values, weights), pooled);
}

PageChanges four_pages() {
  PageChanges changes;
  changes.looks = {Seconds(0), Seconds(0.125), Seconds(0.25), Seconds(0.5)};
  changes.population = PageCount(4);
  changes.page_size = PageSize(4096);
  return changes;
}

TEST(DirtyCurve, UsesBothWindowsOfEachLength) {
  PageChanges changes = four_pages();
  changes.changed = {0b111, 0b001, 0b010, 0b000};
  const auto curve = dirty_curve(changes);
  ASSERT_EQ(curve.size(), 3U);
  EXPECT_EQ(curve[0].window, Seconds(0.125));
  EXPECT_EQ(curve[1].window, Seconds(0.25));
  EXPECT_EQ(curve[2].window, Seconds(0.5));
  EXPECT_EQ(curve[0].unique, Bytes(2 * 4096));  // looks 0-1: pages 0, 1; looks 1-2: pages 0, 2
  EXPECT_EQ(curve[1].unique, Bytes(2 * 4096));  // looks 0-2: 0, 1, 2; looks 2-3: 0
  EXPECT_EQ(curve[2].unique, Bytes(3 * 4096));  // looks 0-3: 0, 1, 2
  EXPECT_EQ(curve[2].low, curve[2].unique);
  EXPECT_EQ(curve[2].high, curve[2].unique);
}

TEST(DirtyCurve, NeverFallsWhereTheGuestCalmsDown) {
  PageChanges changes = four_pages();
  changes.changed = {0b011, 0b011, 0b011, 0b011};  // all busy at first, then all still
  for (const DirtyPoint& point : dirty_curve(changes)) EXPECT_LE(point.unique, Bytes(4 * 4096));
  const auto curve = dirty_curve(changes);
  // 1/8 s: all, all; 1/4 s: all, none (half): pooled to (4 + 4 + 4 + 0) / 4 = 3.
  EXPECT_EQ(curve[0].unique, Bytes(3 * 4096));
  EXPECT_EQ(curve[1].unique, Bytes(3 * 4096));
  EXPECT_EQ(curve[2].unique, Bytes(4 * 4096));
}

TEST(DirtySeries, GivesTheIntervalsInTimeOrder) {
  PageChanges changes = four_pages();
  changes.changed = {0b111, 0b001, 0b010, 0b000};
  const auto series = dirty_series(changes);
  ASSERT_EQ(series.size(), 3U);
  EXPECT_EQ(series[0].window, Seconds(0.125));
  EXPECT_EQ(series[1].window, Seconds(0.125));
  EXPECT_EQ(series[2].window, Seconds(0.25));
  EXPECT_EQ(series[0].unique, Bytes(2 * 4096));
  EXPECT_EQ(series[1].unique, Bytes(2 * 4096));
  EXPECT_EQ(series[2].unique, Bytes(4096));
}

RC_GTEST_PROP(DirtyCurve, RisesWithinRamWhateverThePagesDo, ()) {
  PageChanges changes;
  const auto looks = *rc::gen::inRange<std::size_t>(2, 15);
  for (std::size_t k = 0; k < looks; ++k) {
    changes.looks.push_back(k == 0 ? Seconds(0) : Seconds(0.125 * std::pow(2, k - 1)));
  }
  changes.changed = *rc::gen::nonEmpty<std::vector<std::uint32_t>>();
  for (auto& mask : changes.changed) mask &= (1U << (looks - 1)) - 1U;
  const auto sampled = static_cast<std::int64_t>(changes.changed.size());
  changes.population = PageCount(sampled + *rc::gen::inRange<std::int64_t>(0, 10'000));
  const Bytes ram = changes.page_size.bytes_of(changes.population);
  const auto curve = dirty_curve(changes);
  RC_ASSERT(curve.size() == looks - 1);
  for (std::size_t i = 0; i < curve.size(); ++i) {
    RC_ASSERT(Bytes(0) <= curve[i].low && curve[i].low <= curve[i].unique);
    RC_ASSERT(curve[i].unique <= curve[i].high && curve[i].high <= ram);
    if (i > 0) RC_ASSERT(curve[i - 1].window < curve[i].window);
    if (i > 0) RC_ASSERT(curve[i - 1].unique <= curve[i].unique);
  }
}

}  // namespace
}  // namespace godwit::profile
