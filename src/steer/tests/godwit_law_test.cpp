// Godwit's own law, by hand-made views. How it does on whole migrations:
// bench/tests/steer_test.cpp.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "godwit/model/dirty_curve.h"
#include "godwit/steer/laws.h"
#include "views.h"

namespace godwit::steer {
namespace {

using testing::HasSubstr;

/// 8 GiB, of which 512 MiB are written at random.
GuestProfile writer(BytesPerSecond rate) {
  GuestProfile profile;
  profile.ram = 8_GiB;
  profile.zero_share = Ratio(0.5);
  for (const double t : {0.25, 1.0, 4.0, 8.0}) {
    const Bytes bytes = model::uniform_writer(512_MiB, rate, Seconds(t));
    profile.dirty_curve.push_back({Seconds(t), bytes, bytes, bytes});
  }
  return profile;
}

class Own : public testing::Test {
 protected:
  void begin(BytesPerSecond rate) {
    profile_ = writer(rate);
    auto made = law_by_name("godwit", {&profile_, {100_MB_per_s, {}}, {}});
    ASSERT_TRUE(made);
    law_ = std::move(*made);
    seen_.plan.intent.max_time = Seconds(300);
    law_->shape(seen_.plan);
    seen_.limits.downtime_limit = seen_.plan.parameters.downtime_limit;
    seen_.plan.max_time = Seconds(300);
    seen_.round(Seconds(40), 100_MB_per_s, 10_MB_per_s);
  }
  /// A round of as long as sending what the guest dirtied in the one before takes.
  Order round(Seconds length, BytesPerSecond rate) {
    seen_.round(length, 100_MB_per_s, 1_MB_per_s);
    seen_.rounds.back().dirtied = seen_.rounds.back().left =
        model::uniform_writer(512_MiB, rate, length);
    return seen_.obey(law_->after_round(seen_.view()));
  }

  GuestProfile profile_;
  Seen seen_;
  std::unique_ptr<Law> law_;
};

TEST_F(Own, BeginsWithTheSmallestLimit) {
  begin(10_MB_per_s);
  EXPECT_EQ(seen_.plan.parameters.downtime_limit, Seconds(0.01));
}

TEST_F(Own, LeavesAMigrationAloneThatEndsInTimeWithTheLeastDowntime) {
  begin(10_MB_per_s);
  EXPECT_FALSE(round(Seconds(4), 10_MB_per_s).wants_something());
}

TEST_F(Own, RaisesTheLimitNoFurtherThanItMust) {
  begin(130_MB_per_s);
  const Order order = round(Seconds(5), 130_MB_per_s);
  ASSERT_TRUE(order.downtime_limit) << order.why;
  EXPECT_GT(*order.downtime_limit, Seconds(0.01));
  EXPECT_LT(*order.downtime_limit, Seconds(5));
  EXPECT_THAT(order.why, HasSubstr("it ends in"));
}

TEST_F(Own, LowersItAgainWhereTheGuestCalmsDown) {
  begin(130_MB_per_s);
  ASSERT_TRUE(round(Seconds(5), 130_MB_per_s).downtime_limit);
  std::optional<Seconds> lowered;
  for (int i = 0; i < 4; ++i) {
    const Order order = round(Seconds(1), 2_MB_per_s);
    if (order.downtime_limit) lowered = order.downtime_limit;
  }
  EXPECT_EQ(lowered, Seconds(0.01));
}

TEST_F(Own, TakesPostcopyWhereNoLimitWithinTheIntentEndsIt) {
  begin(400_MB_per_s);
  seen_.plan.intent.max_downtime = Seconds(0.3);
  seen_.may_postcopy = true;
  seen_.may_slow_down = false;
  const Order order = round(Seconds(5), 400_MB_per_s);
  EXPECT_TRUE(order.switch_to_postcopy);
  EXPECT_FALSE(order.give_up);
}

/// Over a slow link a client waits for pages longer than a stop may last: a slower guest for some
/// seconds is what was asked for. But never a guest that is as good as not there.
TEST_F(Own, SlowsTheGuestDownWherePostcopyWouldKeepAClientWaitingForTooLong) {
  begin(400_MB_per_s);
  seen_.may_postcopy = true;
  seen_.plan.intent.max_downtime = Seconds(0.3);
  const Order order = round(Seconds(5), 400_MB_per_s);
  EXPECT_FALSE(order.switch_to_postcopy);
  ASSERT_TRUE(order.cpu_quota) << order.why;
  EXPECT_GE(order.cpu_quota->value(), 0.2);

  seen_ = {};
  begin(400_MB_per_s);
  seen_.may_postcopy = true;
  seen_.plan.intent.max_downtime = Seconds(0.3);
  seen_.plan.intent.max_slowdown = Ratio(0.01);
  EXPECT_TRUE(round(Seconds(5), 400_MB_per_s).switch_to_postcopy) << "it ends, late as it is";
}

TEST_F(Own, SlowsTheGuestDownWhereItMayAndPostcopyMayNot) {
  begin(400_MB_per_s);
  seen_.plan.intent.max_downtime = Seconds(0.3);
  const Order order = round(Seconds(5), 400_MB_per_s);
  ASSERT_TRUE(order.cpu_quota) << order.why;
  EXPECT_LT(order.cpu_quota->value(), 0.5);
}

TEST_F(Own, KeepsToTheSlowdownThatIsAllowedAndEndsWhatIsHopelessAfterTwoRounds) {
  begin(2000_MB_per_s);
  seen_.plan.intent.max_downtime = Seconds(0.1);
  seen_.plan.intent.max_slowdown = Ratio(0.1);
  EXPECT_FALSE(round(Seconds(5), 2000_MB_per_s).wants_something()) << "one round may mislead";
  const Order order = round(Seconds(5), 2000_MB_per_s);
  EXPECT_TRUE(order.give_up);
  EXPECT_THAT(order.why, HasSubstr("post-copy is not allowed"));
}

/// Which writes as fast with a hundredth of its vCPU as with all of it.
TEST_F(Own, SeesWithinTwoRoundsThatAWriterNeedsNoCpuToSpeakOf) {
  seen_.vcpu_wants = Ratio(0.02);
  begin(400_MB_per_s);
  seen_.plan.intent.max_downtime = Seconds(0.3);
  EXPECT_FALSE(round(Seconds(5), 400_MB_per_s).wants_something()) << "no quota would bind";
  EXPECT_TRUE(round(Seconds(5), 400_MB_per_s).give_up);
}

/// Slowed down to a third of what it used, it dirties as much as before.
TEST_F(Own, SeesInOneThrottledRoundThatThrottlingDoesNotHelpAndGivesTheTimeBack) {
  seen_.vcpu_wants = Ratio(0.3);
  begin(400_MB_per_s);
  seen_.plan.intent.max_downtime = Seconds(0.3);
  const Order slower = round(Seconds(5), 400_MB_per_s);
  ASSERT_TRUE(slower.cpu_quota) << slower.why;
  ASSERT_LT(*slower.cpu_quota, Ratio(0.3)) << "another would not bind";
  const Order vain = round(Seconds(5), 400_MB_per_s);
  EXPECT_EQ(vain.cpu_quota, Ratio(1)) << vain.why;
  EXPECT_THAT(vain.why, HasSubstr("still dirties"));
  EXPECT_TRUE(round(Seconds(5), 400_MB_per_s).give_up);
}

/// One that goes up and down ends nothing.
TEST_F(Own, RaisesNoQuotaBeforeTheEndAndTriesNoneAfterOneThatWasInVain) {
  seen_.vcpu_wants = Ratio(1);
  begin(400_MB_per_s);
  seen_.plan.intent.max_downtime = Seconds(0.3);
  const Order slower = round(Seconds(5), 400_MB_per_s);
  ASSERT_TRUE(slower.cpu_quota) << slower.why;
  for (const double length : {3.0, 1.5, 0.8}) {  // it helps: rounds get shorter
    const Order order = round(Seconds(length), 60_MB_per_s);
    EXPECT_FALSE(order.cpu_quota) << order.why;
    EXPECT_FALSE(order.give_up) << order.why;
  }
  std::optional<Ratio> least;
  for (int i = 0; i < 20 && seen_.quota < Ratio(1); ++i) {  // and does not any more
    const Order order = round(Seconds(5), 2000_MB_per_s);
    EXPECT_TRUE(!order.cpu_quota || order.cpu_quota == Ratio(1) || !least ||
                *order.cpu_quota < *least);
    if (order.cpu_quota) least = order.cpu_quota;
  }
  ASSERT_EQ(seen_.quota, Ratio(1)) << "it was in vain";
  EXPECT_FALSE(round(Seconds(1), 400_MB_per_s).cpu_quota);
}

TEST_F(Own, TakesPostcopyWhereThrottlingWasInVain) {
  seen_.vcpu_wants = Ratio(0.3);
  begin(400_MB_per_s);
  seen_.plan.intent.max_downtime = Seconds(0.3);
  ASSERT_TRUE(round(Seconds(5), 400_MB_per_s).cpu_quota);
  seen_.may_postcopy = true;
  EXPECT_TRUE(round(Seconds(5), 400_MB_per_s).switch_to_postcopy);
}

/// By what the guest uses, and not by what it is allotted (Jin's eqs 6 and 7).
TEST_F(Own, HoldsTheSlowdownThatItForeseesToWhatIsAllowed) {
  seen_.vcpu_wants = Ratio(0.3);
  begin(400_MB_per_s);
  seen_.plan.intent.max_downtime = Seconds(0.3);
  seen_.plan.intent.max_slowdown = Ratio(0.1);
  EXPECT_FALSE(round(Seconds(5), 400_MB_per_s).cpu_quota) << "what is allowed does nothing";
  seen_.plan.intent.max_slowdown = Ratio(0.9);
  const Order order = round(Seconds(5), 400_MB_per_s);
  ASSERT_TRUE(order.cpu_quota) << order.why;
  EXPECT_GE(order.cpu_quota->value() / 0.3, 0.1) << "a tenth of its work is left at least";
}

TEST_F(Own, BelievesWhatItSeesRatherThanTheProfile) {
  begin(2_MB_per_s);  // silent stores: the profile saw next to nothing
  seen_.plan.intent.max_downtime = Seconds(0.3);
  seen_.may_postcopy = true;
  seen_.may_slow_down = false;
  Order order;
  for (int i = 0; i < 3 && !order.switch_to_postcopy; ++i) {
    order = round(Seconds(5), 400_MB_per_s);
  }
  EXPECT_TRUE(order.switch_to_postcopy);
}

}  // namespace
}  // namespace godwit::steer
