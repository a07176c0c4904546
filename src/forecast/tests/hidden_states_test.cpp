#include "godwit/forecast/hidden_states.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "godwit/base/rng.h"

namespace godwit::forecast {
namespace {

TEST(HiddenStates, OfOneStateAreMeanAndDeviation) {
  const std::vector<double> samples{1, 3, 1, 3};
  const HiddenStates one = fit_states(samples, 1, 0.1);
  EXPECT_DOUBLE_EQ(one.means[0], 2);
  EXPECT_DOUBLE_EQ(one.deviation, 1);
  EXPECT_EQ(one.path, std::vector<std::size_t>(4, 0));
  // ln(likelihood) = -4 (ln sqrt(2 pi) + 1/2); two parameters
  EXPECT_NEAR(one.bic, 8 * (std::log(std::sqrt(2 * M_PI)) + 0.5) + 2 * std::log(4), 1e-9);
}

TEST(HiddenStates, HoldsTheDeviationAboveTheLeast) {
  EXPECT_DOUBLE_EQ(fit_states(std::vector<double>(20, 5.0), 1, 1).deviation, 1);
}

RC_GTEST_PROP(HiddenStates, AreWithinTheSamplesWhateverTheyAre, (std::vector<short> numbers)) {
  RC_PRE(!numbers.empty());
  const std::vector<double> samples(numbers.begin(), numbers.end());
  const HiddenStates found = find_states(samples, 3, 1);
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  RC_ASSERT(!found.means.empty() && found.path.size() == samples.size());
  RC_ASSERT(std::is_sorted(found.means.begin(), found.means.end()));
  RC_ASSERT(found.means.front() >= *low - 1e-6 && found.means.back() <= *high + 1e-6);
  RC_ASSERT(std::isfinite(found.bic) && found.deviation >= 1);
}

TEST(HiddenStates, TakesAsManyAsThereAre) {
  Rng rng(3);
  std::vector<double> samples;
  for (int t = 0; t < 120; ++t) samples.push_back(t / 6 % 3 * 10.0 + rng.normal());
  EXPECT_EQ(find_states(samples, 3, 1).means.size(), 3U);
  EXPECT_EQ(find_states(samples, 2, 1).means.size(), 2U);
}

}  // namespace
}  // namespace godwit::forecast
