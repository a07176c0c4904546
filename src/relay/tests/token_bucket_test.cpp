#include "token_bucket.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <utility>

#include "godwit/base/rng.h"
#include "level.h"

namespace godwit::relay {
namespace {

TimePoint instant(Seconds time) {
  return TimePoint{} + Seconds(1) + time;
}

/// A level that falls by the rate and stays under 10 ms of it says the same of every span at once.
RC_GTEST_PROP(TokenBucketProperty,
              NoSpanCarriesMoreThanItsRateAndNoHundredMillisecondsMoreThan102Percent, ()) {
  const BytesPerSecond rate(*rc::gen::inRange(100'000, 1'000'000'000));
  Rng rng(*rc::gen::arbitrary<std::uint64_t>());
  TokenBucket bucket(rate);
  Level level(rate);
  std::deque<std::pair<TimePoint, Bytes>> window;
  Bytes in_window(0);
  TimePoint now = instant(Seconds(0));
  for (int i = 0; i < 500; ++i) {
    now = now + Seconds(0.005 * rng.uniform());
    bucket.refill(now);
    const bool all = rng.below(3) > 0;
    const Bytes taken = all ? bucket.allowance() : Bytes(rng.below(bucket.allowance().count() + 1));
    bucket.take(taken);
    RC_ASSERT(level.after(now, taken) <= Seconds(0.01) * rate + 1_B);
    window.emplace_back(now, taken);
    in_window += taken;
    for (; now - window.front().first >= Seconds(0.1); window.pop_front()) {
      in_window -= window.front().second;
    }
    RC_ASSERT(in_window.as_double() <= rate.value() * 0.102 + 1);
  }
}

/// Woken when it says so, and always with something to send.
RC_GTEST_PROP(TokenBucketProperty, ASenderThatIsNeverLateKeepsTheRateInEvery100Ms, ()) {
  const BytesPerSecond rate(*rc::gen::inRange(100'000, 1'000'000'000));
  TokenBucket bucket(rate);
  TimePoint now = instant(Seconds(0));
  Bytes in_window(0);
  int window = 0;
  while (window < 5) {
    bucket.refill(now);
    const Bytes most = bucket.allowance();
    RC_ASSERT(most > Bytes(0));
    bucket.take(most);
    in_window += most;
    const auto opens = bucket.opens_at();
    RC_ASSERT(opens.has_value());
    RC_ASSERT(*opens - now <= Seconds(0.0011));
    now = *opens;
    if (now < instant(Seconds(0.1 * (window + 1)))) continue;
    const double share = in_window.as_double() / (rate.value() * 0.1);
    RC_ASSERT(share > 0.98);
    RC_ASSERT(share < 1.02 + 1e-6);
    in_window = Bytes(0);
    ++window;
  }
}

/// On a busy machine.
RC_GTEST_PROP(TokenBucketProperty, ASenderThatIsWokenLateKeepsTheRateAllTheSame, ()) {
  const BytesPerSecond rate(*rc::gen::inRange(100'000, 1'000'000'000));
  Rng rng(*rc::gen::arbitrary<std::uint64_t>());
  TokenBucket bucket(rate);
  TimePoint now = instant(Seconds(0));
  Bytes sent(0);
  while (now < instant(Seconds(2))) {
    bucket.refill(now);
    const Bytes most = bucket.allowance();
    bucket.take(most);
    sent += most;
    const bool late = rng.below(10) == 0;
    now = bucket.opens_at().value_or(now) + Seconds(late ? 0.008 * rng.uniform() : 0);
  }
  const double share = sent.as_double() / (rate.value() * 2);
  RC_ASSERT(share > 0.98);
  RC_ASSERT(share < 1.02);
}

TEST(TokenBucket, WithoutARateEverythingIsAllowed) {
  TokenBucket bucket(std::nullopt);
  bucket.refill(instant(Seconds(0)));
  EXPECT_EQ(bucket.allowance(), kMostBytes);
  bucket.take(1_GiB);
  EXPECT_EQ(bucket.allowance(), kMostBytes);
  EXPECT_FALSE(bucket.opens_at());
}

TEST(TokenBucket, ALowerRateHoldsAtOnce) {
  TokenBucket bucket(100_MB_per_s);
  bucket.refill(instant(Seconds(0)));
  EXPECT_EQ(bucket.allowance(), 200_kB);
  bucket.set_rate(1_MB_per_s);
  bucket.refill(instant(Seconds(0)));
  EXPECT_EQ(bucket.allowance(), 2_kB);
}

}  // namespace
}  // namespace godwit::relay
