#include "godwit/guest/content.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace godwit::guest {
namespace {

using Page = std::array<std::uint64_t, kPageWords>;

int changed_words(const Page& before, const Page& after) {
  int changed = 0;
  for (std::size_t i = 0; i < before.size(); ++i) changed += before[i] != after[i] ? 1 : 0;
  return changed;
}

Page written(ContentWriter& writer, Page page) {
  writer.write(PageSpan(page));
  return page;
}

TEST(Content, RandomIsFreshInEveryWordEveryTime) {
  ContentWriter writer(Content::kRandom, kPageWords, 1);
  const Page first = written(writer, {});
  const Page second = written(writer, first);
  EXPECT_EQ(changed_words({}, first), kPageWords);
  EXPECT_EQ(changed_words(first, second), kPageWords);
  EXPECT_EQ(std::set(second.begin(), second.end()).size(), static_cast<std::size_t>(kPageWords));
}

TEST(Content, CompressibleHasFewDistinctWordsButChangesThemAll) {
  ContentWriter writer(Content::kCompressible, kPageWords, 1);
  const Page first = written(writer, {});
  const Page second = written(writer, first);
  EXPECT_EQ(changed_words(first, second), kPageWords);
  // 7 random words in each of 16 groups, and the one that fills the rest: 904 of 4096 bytes.
  EXPECT_EQ(std::set(second.begin(), second.end()).size(), 7U * 16 + 1);
}

TEST(Content, ZeroIsSilentFromTheSecondTimeOn) {
  ContentWriter writer(Content::kZero, kPageWords, 1);
  Page page;
  page.fill(7);
  EXPECT_EQ(changed_words(page, written(writer, page)), kPageWords);
  EXPECT_EQ(changed_words({}, written(writer, {})), 0);
}

TEST(Content, WordsLimitWhatChanges) {
  for (const Content content : {Content::kRandom, Content::kCompressible}) {
    for (const int words : {1, 2, 3, 8, 100, 511}) {
      ContentWriter writer(content, words, 1);
      Page page{};
      for (int time = 0; time < 20; ++time) {
        const Page after = written(writer, page);
        EXPECT_EQ(changed_words(page, after), words);
        page = after;
      }
    }
  }
}

TEST(Content, ARewrittenPageIsAsItWas) {
  ContentWriter writer(Content::kRandom, kPageWords, 1);
  Page page = written(writer, {});
  const Page before = page;
  rewrite(PageSpan(page));
  EXPECT_EQ(changed_words(before, page), 0);
}

TEST(Content, FillTakesAnyLength) {
  Random random(1);
  std::array<std::uint64_t, 3> words{};
  fill_random(words, random);
  EXPECT_NE(words[2], 0U);
  fill_random({}, random);
}

TEST(Random, BelowStaysBelow) {
  Random random(9);
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t value = random.below(3);
    EXPECT_TRUE(value >= 0 && value < 3);
  }
}

}  // namespace
}  // namespace godwit::guest
