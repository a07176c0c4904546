#include "godwit/guest/page_picker.h"

#include <gtest/gtest.h>

#include <vector>

namespace godwit::guest {
namespace {

std::vector<int> counts(PagePicker& picker, std::int64_t pages, int picks) {
  std::vector<int> count(static_cast<std::size_t>(pages));
  for (int i = 0; i < picks; ++i) ++count.at(static_cast<std::size_t>(picker.next()));
  return count;
}

TEST(PagePicker, SequentialGoesRound) {
  PagePicker picker(Pattern::kSequential, 3, 1);
  for (const int expected : {0, 1, 2, 0, 1, 2, 0}) EXPECT_EQ(picker.next(), expected);
}

TEST(PagePicker, UniformReachesAllAlike) {
  PagePicker picker(Pattern::kUniform, 10, 1);
  for (const int count : counts(picker, 10, 100'000)) EXPECT_NEAR(count, 10'000, 500);
}

TEST(PagePicker, HotColdWritesATenthNineTimesInTen) {
  PagePicker picker(Pattern::kHotCold, 100, 1);
  EXPECT_EQ(picker.hot_pages(), 10);
  const std::vector<int> count = counts(picker, 100, 100'000);
  int hot = 0;
  for (std::size_t page = 0; page < 10; ++page) hot += count[page];
  EXPECT_NEAR(hot, 90'000, 600);
  for (std::size_t page = 10; page < 100; ++page) EXPECT_GT(count[page], 0);
}

TEST(PagePicker, OnePageIsEnoughForEveryPattern) {
  for (const Pattern pattern : {Pattern::kSequential, Pattern::kUniform, Pattern::kHotCold}) {
    PagePicker picker(pattern, 1, 1);
    EXPECT_EQ(picker.next(), 0);
    EXPECT_EQ(picker.next(), 0);
  }
}

TEST(PagePicker, SameSeedSamePages) {
  PagePicker one(Pattern::kHotCold, 1000, 5);
  PagePicker other(Pattern::kHotCold, 1000, 5);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(one.next(), other.next());
}

}  // namespace
}  // namespace godwit::guest
