#include "godwit/base/statistics.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace godwit {
namespace {

TEST(Quantile, IsLinearBetweenRanks) {
  EXPECT_DOUBLE_EQ(quantile({3, 1, 2}, 0.5), 2);
  EXPECT_DOUBLE_EQ(quantile({3, 1, 2}, 0.25), 1.5);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.9), 7);
}

TEST(Moments, LeaveOutWhatIsNotKnown) {
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> values{1, unknown, 3};
  EXPECT_DOUBLE_EQ(moments_of(values).mean, 2);
  EXPECT_DOUBLE_EQ(moments_of(values).deviation, 1);
  EXPECT_EQ(moments_of(std::vector<double>{unknown}).mean, 0);
  EXPECT_EQ(moments_of({}).deviation, 0);
}

RC_GTEST_PROP(Quantile, LiesAmongTheValues, (std::vector<double> values)) {
  RC_PRE(!values.empty());
  const double low = *std::min_element(values.begin(), values.end());
  const double high = *std::max_element(values.begin(), values.end());
  const double share = *rc::gen::inRange(0, 101) / 100.0;
  RC_ASSERT(quantile(values, share) >= low);
  RC_ASSERT(quantile(values, share) <= high);
}

}  // namespace
}  // namespace godwit
