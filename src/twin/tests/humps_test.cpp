#include "humps.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace godwit::twin {
namespace {

TEST(Humps, AreGroupsWithAGapBetweenThem) {
  const std::vector<double> times{4, 4.1, 4.2, 4.3, 4.4, 4.5, 9, 9.5, 10, 10.5};
  const auto humps = humps_of(times);
  ASSERT_EQ(humps.size(), 2U);
  EXPECT_DOUBLE_EQ(humps[0].share.value(), 0.6);
  EXPECT_DOUBLE_EQ(humps[0].total_time.p50.count(), 4.25);
  EXPECT_DOUBLE_EQ(humps[1].share.value(), 0.4);
  EXPECT_DOUBLE_EQ(humps[1].total_time.p50.count(), 9.75);
  EXPECT_GT(humps[1].total_time.p05, humps[0].total_time.p95);
}

TEST(Humps, AreNoneOfOneGroupNorOfATail) {
  EXPECT_TRUE(humps_of({}).empty());
  EXPECT_TRUE(humps_of(std::vector<double>{3}).empty());
  EXPECT_TRUE(humps_of(std::vector<double>{3, 3.5, 4, 4.5, 5, 6}).empty());
  std::vector<double> with_tail(20, 4.0);
  with_tail.push_back(40);
  EXPECT_TRUE(humps_of(with_tail).empty());
}

RC_GTEST_PROP(Humps, HoldAllTimes, (std::vector<unsigned char> numbers)) {
  std::vector<double> times(numbers.begin(), numbers.end());
  for (double& time : times) time += 1;
  std::sort(times.begin(), times.end());
  double all = 0;
  for (const Hump& hump : humps_of(times)) {
    RC_ASSERT(hump.share.value() > 0.09);
    all += hump.share.value();
  }
  RC_ASSERT(all == 0 || std::abs(all - 1) < 1e-9);
}

}  // namespace
}  // namespace godwit::twin
