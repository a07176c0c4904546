#include "godwit/steer/passes.h"

#include <gtest/gtest.h>

namespace godwit::steer {
namespace {

TEST(Passes, OfNearlyOneLengthAreOnePointWithTheirSpread) {
  const auto curve =
      curve_of({{Seconds(0.21), 6_MiB}, {Seconds(1), 20_MiB}, {Seconds(0.2), 4_MiB}});
  ASSERT_EQ(curve.size(), 2u);
  EXPECT_NEAR(curve[0].window.count(), 0.205, 1e-9);
  EXPECT_EQ(curve[0].unique, 5_MiB);
  EXPECT_EQ(curve[0].low, 4_MiB);
  EXPECT_EQ(curve[0].high, 6_MiB);
}

TEST(Passes, ACurveNeverFallsWhereTheGuestCalmedDown) {
  const auto curve = curve_of({{Seconds(0.1), 8_MiB}, {Seconds(0.5), 10_MiB}, {Seconds(1), 3_MiB}});
  ASSERT_EQ(curve.size(), 1u) << "10 and 3 make 6.5, which is below 8 again";
  EXPECT_EQ(curve[0].unique, 7_MiB);
  EXPECT_NEAR(curve[0].window.count(), 1.6 / 3, 1e-9);
  EXPECT_TRUE(curve_of({}).empty());
}

}  // namespace
}  // namespace godwit::steer
