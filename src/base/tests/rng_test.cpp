#include "godwit/base/rng.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>
#include <vector>

namespace godwit {
namespace {

TEST(Rng, SameSeedSameRun) {
  Rng a(7);
  Rng b(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
}

RC_GTEST_PROP(Rng, SamplesAreDistinctAscendingAndInRange, ()) {
  const auto bound = *rc::gen::inRange<std::int64_t>(1, 5000);
  const auto count = *rc::gen::inRange<std::int64_t>(0, bound + 1);
  Rng rng(*rc::gen::arbitrary<std::uint64_t>());
  const auto sample = rng.sample(bound, count);
  RC_ASSERT(static_cast<std::int64_t>(sample.size()) == count);
  RC_ASSERT(std::is_sorted(sample.begin(), sample.end()));
  RC_ASSERT(static_cast<std::int64_t>(std::set(sample.begin(), sample.end()).size()) == count);
  if (count > 0) {
    RC_ASSERT(sample.front() >= 0);
    RC_ASSERT(sample.back() < bound);
  }
}

TEST(Rng, SamplesAreUniform) {
  Rng rng(42);
  std::vector<int> hits(20, 0);
  for (int i = 0; i < 20000; ++i) {
    for (const auto page : rng.sample(20, 5)) ++hits[static_cast<std::size_t>(page)];
  }
  for (const int hit : hits) EXPECT_NEAR(hit, 5000, 300);  // five standard deviations
}

TEST(Rng, AShuffleMakesEveryOrderAsLikely) {
  Rng rng(42);
  std::map<std::vector<int>, int> orders;
  for (int i = 0; i < 24000; ++i) {
    std::vector<int> cards{1, 2, 3, 4};
    rng.shuffle(cards);
    ++orders[cards];
  }
  EXPECT_EQ(orders.size(), 24u);
  for (const auto& [order, times] : orders) EXPECT_NEAR(times, 1000, 155);  // five deviations
}

}  // namespace
}  // namespace godwit
