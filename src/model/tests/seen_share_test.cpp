#include "godwit/model/seen_share.h"

#include <gtest/gtest.h>

namespace godwit::model {
namespace {

DirtyPoint point(double window, Bytes unique) {
  return {Seconds(window), unique, unique, unique};
}

TEST(SeenShares, CompareWithinTheLongestWindowOfBoth) {
  GuestProfile profile;
  profile.source = DirtySource::kRehearsal;
  profile.dirty_curve = {point(0.5, 20_MiB), point(1.5, 40_MiB)};
  profile.other_curves = {{DirtySource::kContentHash, "", {point(0.5, 2_MiB), point(1, 6_MiB)}}};
  const auto shares = seen_shares(profile);
  ASSERT_EQ(shares.size(), 1U);
  EXPECT_EQ(shares[0].source, DirtySource::kContentHash);
  EXPECT_EQ(shares[0].window, Seconds(1));
  EXPECT_DOUBLE_EQ(shares[0].share.value(), 6.0 / 30);
}

TEST(SeenShares, AreNotToldWhereNothingCanBeCompared) {
  GuestProfile profile;
  EXPECT_TRUE(seen_shares(profile).empty());
  profile.dirty_curve = {point(1, Bytes(0))};
  profile.other_curves = {{DirtySource::kContentHash, "", {point(1, 1_MiB)}},
                          {DirtySource::kContentHash, "", {}}};
  EXPECT_TRUE(seen_shares(profile).empty()) << "the main source saw no writing";
}

}  // namespace
}  // namespace godwit::model
