#include "godwit/forecast/hidden_states.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "godwit/base/rng.h"

namespace godwit::forecast {
namespace {

/// `on` samples around one level and `off` around another, in turn.
std::vector<double> square_wave(double low, double high, int off, int on, int length,
                                std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> samples;
  for (int t = 0; t < length; ++t) {
    samples.push_back((t % (off + on) < off ? low : high) + rng.normal());
  }
  return samples;
}

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

/// Is the likeliest path that of the square wave?
bool is_found(int off, int on, double low, std::uint64_t seed) {
  const std::vector<double> samples = square_wave(low, low + 10, off, on, 72, seed);
  const HiddenStates found = find_states(samples, 3, 1);
  if (found.means.size() != 2) return false;
  EXPECT_NEAR(found.means[0], low, 1);
  EXPECT_NEAR(found.means[1], low + 10, 1);
  for (std::size_t t = 0; t < samples.size(); ++t) {
    const bool quiet = static_cast<int>(t) % (off + on) < off;
    if (found.path[t] != (quiet ? 0U : 1U)) return false;
  }
  return true;
}

TEST(HiddenStates, FindsTwoThatAreThere) {
  // BIC takes noise for a third one now and then.
  constexpr int kTries = 300;
  Rng rng(1);
  int found = 0;
  for (std::uint64_t seed = 1; seed <= kTries; ++seed) {
    const auto off = static_cast<int>(3 + rng.below(12));
    const auto on = static_cast<int>(3 + rng.below(12));
    if (is_found(off, on, static_cast<double>(rng.below(10)), seed)) ++found;
  }
  EXPECT_GE(found, kTries * 97 / 100);
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

TEST(HiddenStates, FindsNoneInNoise) {
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const std::vector<double> noise = square_wave(5, 5, 1, 1, 72, seed);
    if (find_states(noise, 3, 1).means.size() > 1) ++wrong;
  }
  EXPECT_LE(wrong, 4);
}

TEST(HiddenStates, FindsOneThatIsSeldomMet) {
  const std::vector<double> samples = square_wave(1, 11, 24, 3, 64, 1);
  const HiddenStates found = find_states(samples, 3, 1);
  ASSERT_EQ(found.means.size(), 2U);
  EXPECT_NEAR(found.means[1], 11, 1.5);
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
