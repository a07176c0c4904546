#include "remote_ranges.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace godwit::guestmem {
namespace {

TEST(RemoteRanges, JoinsPagesThatFollowEachOther) {
  const std::vector<std::uint64_t> pages{0x1000, 0x2000, 0x3000, 0x5000, 0x4000};
  const auto ranges = remote_ranges(pages, 0x1000);
  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges[0].iov_len, 0x3000U);
  EXPECT_EQ(reinterpret_cast<std::uint64_t>(ranges[1].iov_base), 0x5000U);
  EXPECT_EQ(reinterpret_cast<std::uint64_t>(ranges[2].iov_base), 0x4000U);
}

RC_GTEST_PROP(RemoteRanges, CoverThePagesInOrderAndNothingElse, ()) {
  const auto numbers =
      *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(1, 20));
  std::vector<std::uint64_t> pages;
  for (const auto n : numbers) pages.push_back(n * 512);
  std::vector<std::uint64_t> covered;
  const auto ranges = remote_ranges(pages, 512);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto start = reinterpret_cast<std::uint64_t>(ranges[i].iov_base);
    for (std::uint64_t at = 0; at < ranges[i].iov_len; at += 512) covered.push_back(start + at);
    if (i > 0) {
      RC_ASSERT(reinterpret_cast<std::uint64_t>(ranges[i - 1].iov_base) + ranges[i - 1].iov_len !=
                start);
    }
  }
  RC_ASSERT(covered == pages);
}

}  // namespace
}  // namespace godwit::guestmem
