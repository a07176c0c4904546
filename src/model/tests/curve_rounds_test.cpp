#include "godwit/model/curve_rounds.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "guests.h"

namespace godwit::model {
namespace {

using testing::guest;
using testing::sequential;
using testing::uniform;

CurveRounds rounds_of(const testing::CurveFunction& curve, Bytes data, BytesPerSecond rate) {
  const auto dirty = DirtyCurve::from_profile(guest(1_GiB, data, curve));
  EXPECT_TRUE(dirty);
  return curve_rounds(dirty->likely(), data, rate, Seconds(0.3), Seconds(120));
}

TEST(CurveRounds, AnIdleGuestTakesOneRoundAndAnEmptyLastOne) {
  const CurveRounds run = rounds_of(testing::idle(), 400_MB, 100_MB_per_s);
  EXPECT_TRUE(run.converges);
  EXPECT_EQ(run.rounds, 2);
  EXPECT_NEAR(run.total.count(), 4, 1e-9);
  EXPECT_EQ(run.sent, 400_MB);
  EXPECT_EQ(run.downtime, Seconds(0));
}

TEST(CurveRounds, EachRoundSendsWhatTheOneBeforeLeft) {
  // 20 MB/s at 100: 400 MB, 80, then 16, which take 160 ms.
  const CurveRounds run = rounds_of(sequential(10'000_MB, 20_MB_per_s), 400_MB, 100_MB_per_s);
  EXPECT_TRUE(run.converges);
  EXPECT_EQ(run.rounds, 3);
  EXPECT_NEAR(run.total.count(), 4.96, 0.01);
  EXPECT_NEAR(run.downtime.count(), 0.16, 0.002);
}

TEST(CurveRounds, AWriterAsFastAsTheLinkNeverConverges) {
  EXPECT_FALSE(rounds_of(uniform(300_MB, 200_MB_per_s), 400_MB, 100_MB_per_s).converges);
}

RC_GTEST_PROP(CurveRounds, MoreBandwidthIsNeverSlower, ()) {
  const auto set = 1_MB * *rc::gen::inRange<std::int64_t>(1, 400);
  const auto writes = BytesPerSecond(*rc::gen::inRange(0, 100) * 1e6);
  const auto link = BytesPerSecond(*rc::gen::inRange(10, 200) * 1e6);
  const auto slow = rounds_of(uniform(set, writes), 400_MB, link);
  const auto fast = rounds_of(uniform(set, writes), 400_MB, link * Ratio(1.2));
  RC_PRE(slow.converges);
  RC_ASSERT(fast.converges);
  // a last round of 300 ms may come one round sooner on the slower link
  RC_ASSERT(fast.total <= slow.total + Seconds(0.3));
}

}  // namespace
}  // namespace godwit::model
