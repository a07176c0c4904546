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

/// 8 MiB in half a second, 12 MiB in a second.
GuestProfile using_vcpus(std::optional<double> use) {
  GuestProfile profile;
  profile.vcpu_use = use;
  profile.dirty_curve = {point(0.5, 8_MiB), point(1.5, 16_MiB)};
  return profile;
}

TEST(SuspiciouslyLittleWritten, IsToldOfAGuestThatIsBusyAndHardlyWrites) {
  EXPECT_EQ(suspiciously_little_written(using_vcpus(1)), 12_MiB);
  EXPECT_EQ(suspiciously_little_written(using_vcpus(2)), 6_MiB);
  EXPECT_FALSE(suspiciously_little_written(using_vcpus(0.5))) << "24 MiB: usual";
}

TEST(SuspiciouslyLittleWritten, IsNotToldOfOneThatIdlesOrWasNotLookedAt) {
  GuestProfile idle = using_vcpus(0.2);
  for (DirtyPoint& point : idle.dirty_curve) point.unique = Bytes(0);
  EXPECT_FALSE(suspiciously_little_written(idle));
  EXPECT_FALSE(suspiciously_little_written(using_vcpus({})));
  EXPECT_FALSE(suspiciously_little_written(GuestProfile()));
}

TEST(SuspiciouslyLittleWritten, GoesByHashesWhereARehearsalSawMore) {
  GuestProfile profile = using_vcpus(1);
  profile.other_curves = {{DirtySource::kContentHash, "", profile.dirty_curve}};
  profile.source = DirtySource::kRehearsal;
  for (DirtyPoint& point : profile.dirty_curve) point.unique = 100_MiB;
  EXPECT_EQ(suspiciously_little_written(profile), 12_MiB);
}

}  // namespace
}  // namespace godwit::model
