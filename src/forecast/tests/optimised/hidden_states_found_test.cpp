#include <gtest/gtest.h>

#include <vector>

#include "godwit/base/rng.h"
#include "godwit/forecast/hidden_states.h"

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

}  // namespace
}  // namespace godwit::forecast
