#include "godwit/guest/pacer.h"

#include <gtest/gtest.h>

namespace godwit::guest {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kStart = 7'000 * kMs;

// 4096 bytes/ms: one page a millisecond.
constexpr std::int64_t kPagePerMs = 4'096'000;

std::int64_t do_all(Pacer& pacer, std::int64_t now) {
  const std::int64_t owed = pacer.owed(now);
  pacer.done(owed);
  return owed;
}

TEST(Pacer, OwesNothingAtTheStart) {
  EXPECT_EQ(Pacer(kPagePerMs, kStart).owed(kStart), 0);
}

TEST(Pacer, OwesWhatFellDue) {
  Pacer pacer(kPagePerMs, kStart);
  EXPECT_EQ(do_all(pacer, kStart + 5 * kMs), 5);
  EXPECT_EQ(do_all(pacer, kStart + 5 * kMs), 0);
  EXPECT_EQ(do_all(pacer, kStart + 12 * kMs), 7);
}

TEST(Pacer, LosesNoFractionOfAPage) {
  Pacer pacer(10'000'000, kStart);  // 12.2 pages per slice of 5 ms
  std::int64_t pages = 0;
  for (int slice = 1; slice <= 200; ++slice) pages += do_all(pacer, kStart + slice * 5 * kMs);
  EXPECT_EQ(pages, 10'000'000 / 4096);
  EXPECT_EQ(pacer.dropped(), 0);
}

TEST(Pacer, SlowRatesAddUp) {
  Pacer pacer(4096, kStart);  // a page a second
  std::int64_t pages = 0;
  for (int slice = 1; slice <= 2000; ++slice) pages += do_all(pacer, kStart + slice * 5 * kMs);
  EXPECT_EQ(pages, 10);
}

TEST(Pacer, CatchesUpAShortStallInFull) {
  Pacer pacer(kPagePerMs, kStart);
  EXPECT_EQ(do_all(pacer, kStart + 100 * kMs), 100);
  EXPECT_EQ(pacer.dropped(), 0);
}

TEST(Pacer, DropsWhatIsOlderThanTheBacklog) {
  Pacer pacer(kPagePerMs, kStart);
  EXPECT_EQ(do_all(pacer, kStart + 10 * kMs), 10);
  EXPECT_EQ(do_all(pacer, kStart + 2010 * kMs), 100);  // a stall of 2 s
  EXPECT_EQ(pacer.dropped(), 1900);
  EXPECT_EQ(do_all(pacer, kStart + 2020 * kMs), 10);  // and then its rate again, no more
}

TEST(Pacer, AWriterTooSlowForTheRateIsNeverMoreThanTheBacklogBehind) {
  Pacer pacer(kPagePerMs, kStart);
  for (int ms = 1; ms <= 1000; ++ms) {
    EXPECT_LE(pacer.owed(kStart + ms * kMs), 101);
    if (ms % 2 == 0 && pacer.owed(kStart + ms * kMs) > 0) pacer.done(1);
  }
  EXPECT_NEAR(static_cast<double>(pacer.dropped()), 400, 2);
}

TEST(Pacer, DoesNotOverflowOverYears) {
  Pacer pacer(1LL << 40, 0);
  EXPECT_GT(pacer.owed(9'000'000'000'000'000'000LL), 0);
}

}  // namespace
}  // namespace godwit::guest
