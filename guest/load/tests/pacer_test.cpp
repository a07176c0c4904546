#include "godwit/guest/pacer.h"

#include <gtest/gtest.h>

namespace godwit::guest {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kStart = 7'000 * kMs;

constexpr std::int64_t kPage = 4096;

// 4096 bytes/ms: one page a millisecond.
constexpr std::int64_t kPagePerMs = 4'096'000;

std::int64_t do_all(Pacer& pacer, std::int64_t now) {
  const std::int64_t owed = pacer.owed(now);
  pacer.done(owed);
  return owed;
}

TEST(Pacer, OwesNothingAtTheStart) {
  EXPECT_EQ(Pacer(kPagePerMs, kPage, kStart).owed(kStart), 0);
}

TEST(Pacer, OwesWhatFellDue) {
  Pacer pacer(kPagePerMs, kPage, kStart);
  EXPECT_EQ(do_all(pacer, kStart + 5 * kMs), 5);
  EXPECT_EQ(do_all(pacer, kStart + 5 * kMs), 0);
  EXPECT_EQ(do_all(pacer, kStart + 12 * kMs), 7);
}

TEST(Pacer, LosesNoFractionOfAPage) {
  Pacer pacer(10'000'000, kPage, kStart);  // 12.2 pages per slice of 5 ms
  std::int64_t pages = 0;
  for (int slice = 1; slice <= 200; ++slice) pages += do_all(pacer, kStart + slice * 5 * kMs);
  EXPECT_EQ(pages, 10'000'000 / 4096);
  EXPECT_EQ(pacer.dropped(), 0);
}

TEST(Pacer, SlowRatesAddUp) {
  Pacer pacer(kPage, kPage, kStart);  // a page a second
  std::int64_t pages = 0;
  for (int slice = 1; slice <= 2000; ++slice) pages += do_all(pacer, kStart + slice * 5 * kMs);
  EXPECT_EQ(pages, 10);
}

TEST(Pacer, UnitsLargerThanTheBacklogFallDueAllTheSame) {
  Pacer pacer(100'000, 65'536, kStart);  // one every 655 ms, the backlog is 100 ms
  std::int64_t blocks = 0;
  for (int slice = 1; slice <= 1000; ++slice) blocks += do_all(pacer, kStart + slice * 10 * kMs);
  EXPECT_EQ(blocks, 10 * 100'000 / 65'536);
  EXPECT_EQ(pacer.dropped(), 0);
}

// A share of a processor is a rate too: nanoseconds of it per second, in units of one.
TEST(Pacer, OwesShares) {
  Pacer pacer(300'000'000, 1, kStart);
  EXPECT_EQ(do_all(pacer, kStart + 10 * kMs), 3 * kMs);
  EXPECT_EQ(do_all(pacer, kStart + 1010 * kMs), 30 * kMs);
}

TEST(Pacer, CatchesUpAShortStallInFull) {
  Pacer pacer(kPagePerMs, kPage, kStart);
  EXPECT_EQ(do_all(pacer, kStart + 100 * kMs), 100);
  EXPECT_EQ(pacer.dropped(), 0);
}

TEST(Pacer, DropsWhatIsOlderThanTheBacklog) {
  Pacer pacer(kPagePerMs, kPage, kStart);
  EXPECT_EQ(do_all(pacer, kStart + 10 * kMs), 10);
  EXPECT_EQ(do_all(pacer, kStart + 2010 * kMs), 100);  // a stall of 2 s
  EXPECT_EQ(pacer.dropped(), 1900);
  EXPECT_EQ(do_all(pacer, kStart + 2020 * kMs), 10);  // and then its rate again, no more
}

TEST(Pacer, AWriterTooSlowForTheRateIsNeverMoreThanTheBacklogBehind) {
  Pacer pacer(kPagePerMs, kPage, kStart);
  for (int ms = 1; ms <= 1000; ++ms) {
    EXPECT_LE(pacer.owed(kStart + ms * kMs), 101);
    if (ms % 2 == 0 && pacer.owed(kStart + ms * kMs) > 0) pacer.done(1);
  }
  EXPECT_NEAR(static_cast<double>(pacer.dropped()), 400, 2);
}

TEST(Pacer, DoesNotOverflowOverYears) {
  Pacer pacer(1LL << 40, kPage, 0);
  EXPECT_GT(pacer.owed(9'000'000'000'000'000'000LL), 0);
}

}  // namespace
}  // namespace godwit::guest
