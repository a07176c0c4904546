#include "godwit/bench/foretelling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

namespace godwit::bench {
namespace {

const ForetellingScore& at(const std::vector<ForetellingScore>& scores, const std::string& when) {
  return *std::find_if(scores.begin(), scores.end(),
                       [&](const ForetellingScore& one) { return one.when == when; });
}

TEST(Foretelling, OfGuestsThatNobodyKnowsTheEndIsForetoldAfterEachRound) {
  const auto runs = watch_in_the_twin(600, 1);
  ASSERT_TRUE(runs) << runs.error().message;
  EXPECT_GE(runs->size(), 400U);
  const auto scores = foretelling_scores(*runs);
  for (const ForetellingScore& one : scores) {
    std::printf(
        "%-40s %4d moments, %3d without: %5.1f %% of all (p90 %5.1f, by rate %5.1f), %5.1f %% of "
        "the rest (by rate %5.1f), holds in %5.1f %%\n",
        one.when.c_str(), one.moments, one.silent, 100 * one.of_total, 100 * one.of_total_p90,
        100 * one.by_rate_of_total, 100 * one.of_left, 100 * one.by_rate_of_left, 100 * one.held);
  }
  for (const char* when : {"after round 1", "after round 2", "after round 3"}) {
    const ForetellingScore& one = at(scores, when);
    EXPECT_LE(one.silent, 0.1 * one.moments) << when;
    EXPECT_LE(one.of_total, 0.05) << when;
    EXPECT_LE(one.of_left, 0.1) << when;
    EXPECT_LE(one.of_left, one.by_rate_of_left / 3) << when;
    EXPECT_GE(one.held, 0.85) << when;
  }
  EXPECT_LE(at(scores, "after round 1").held, 0.96) << "as narrow as it can be";
  for (const WatchedRun& run : *runs) EXPECT_LE(run.moved, 0.1) << run.guest;
}

TEST(Foretelling, TheSameSeedWatchesTheSame) {
  const auto one = watch_in_the_twin(12, 3);
  const auto other = watch_in_the_twin(12, 3);
  ASSERT_TRUE(one && other);
  ASSERT_EQ(one->size(), other->size());
  for (std::size_t i = 0; i < one->size(); ++i) {
    EXPECT_EQ((*one)[i].over, (*other)[i].over);
    EXPECT_EQ((*one)[i].said.size(), (*other)[i].said.size());
  }
}

}  // namespace
}  // namespace godwit::bench
