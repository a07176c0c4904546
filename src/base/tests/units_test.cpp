#include "godwit/base/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace godwit {
namespace {

TEST(Units, DecimalAndBinaryAreDifferent) {
  EXPECT_EQ((50_MB).count(), 50'000'000);
  EXPECT_EQ((50_MiB).count(), 52'428'800);
}

TEST(Units, SizeOverRateIsTimeAndBack) {
  EXPECT_DOUBLE_EQ((400_MB / 40_MB_per_s).count(), 10.0);
  EXPECT_EQ(40_MB_per_s * Seconds(10), 400_MB);
  EXPECT_DOUBLE_EQ((400_MB / Seconds(10)).value(), 40e6);
  EXPECT_DOUBLE_EQ((200_Mbit_per_s).value(), 25e6);
}

TEST(Units, PagesAreRoundedUp) {
  const PageSize page(4096);
  EXPECT_EQ(page.pages_for(1_B), 1_pages);
  EXPECT_EQ(page.pages_for(4_KiB), 1_pages);
  EXPECT_EQ(page.pages_for(4097_B), 2_pages);
  EXPECT_EQ(page.bytes_of(3_pages), 12_KiB);
}

TEST(UnitsDeathTest, OverflowEndsTheProcess) {
  const Bytes most(std::numeric_limits<std::int64_t>::max());
  EXPECT_DEATH((void)(most + 1_B), "overflow");
  EXPECT_DEATH((void)PageSize(3000), "power of two");
}

TEST(Units, ProductsAndSumsOverListsEndAtTheMostThatIsBelieved) {
  EXPECT_EQ(capped_sum(kMostBytes, kMostBytes), kMostBytes);
  EXPECT_EQ(capped_sum(kMostBytes - 1_B, 1_B), kMostBytes);
  EXPECT_EQ(capped_sum(1_B, 2_B), 3_B);
  EXPECT_EQ(BytesPerSecond(0x1.0p64) * Seconds(1e9), kMostBytes);
  EXPECT_EQ(kMostBytes * Ratio(1e9), kMostBytes);
  EXPECT_EQ(PageSize(1 << 20).bytes_of(PageCount(std::int64_t{1} << 60)), kMostBytes);
  EXPECT_EQ(PageSize(4096).bytes_of(PageCount(-(std::int64_t{1} << 60))), kMostBytes * -1);
}

RC_GTEST_PROP(Units, SumsAreAssociative, ()) {
  const auto draw = [] {
    return Bytes(*rc::gen::inRange<std::int64_t>(-1'000'000'000, 1'000'000'000));
  };
  const Bytes a = draw();
  const Bytes b = draw();
  const Bytes c = draw();
  RC_ASSERT((a + b) + c == a + (b + c));
  RC_ASSERT(a - a == 0_B);
}

}  // namespace
}  // namespace godwit
