#include "page_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "godwit/base/rng.h"
#include "pages.h"

namespace godwit::profile {
namespace {

/// A run of up to 127 bytes has a length of one byte in LEB128.
std::size_t lengths_of(std::size_t run) {
  return run < 128 ? 1 : 2;
}

TEST(Xbzrle, NothingForTheSameContent) {
  const Page page = text_page();
  EXPECT_EQ(xbzrle_size(page, page), 0u);
}

TEST(Xbzrle, OneRunTakesItsLengthsAndItsBytes) {
  const Page before = filled(std::byte{1});
  Page after = before;
  after[10] = after[11] = std::byte{7};
  EXPECT_EQ(xbzrle_size(before, after), 1u + 1 + 2);  // equal: 10, differing: 2
  after = before;
  after[4095] = std::byte{7};
  EXPECT_EQ(xbzrle_size(before, after), 2u + 1 + 1);  // 4095 takes two bytes of LEB128
  after = filled(std::byte{7});
  EXPECT_EQ(xbzrle_size(before, after), 1u + 2 + 4096);
}

RC_GTEST_PROP(Xbzrle, CountsRunsAndTheBytesThatDiffer, (std::uint64_t seed)) {
  Rng rng(seed);
  Page before = random_page(rng);
  Page after = before;
  const auto writes = *rc::gen::inRange(0, 40);
  for (int i = 0; i < writes; ++i) {
    after[static_cast<std::size_t>(rng.below(kSize))] ^= std::byte{1};
  }
  std::size_t expected = 0;
  for (std::size_t at = 0, equal = 0; at < kSize;) {
    if (before[at] == after[at]) {
      ++equal;
      ++at;
      continue;
    }
    std::size_t run = 0;
    while (at < kSize && before[at] != after[at]) ++run, ++at;
    expected += lengths_of(equal) + lengths_of(run) + run;
    equal = 0;
  }
  RC_ASSERT(xbzrle_size(before, after) == expected);
}

TEST(ChangeSample, ChangesAreAgainstTheLastLook) {
  ChangeSample sample(1, PageSize(4096));
  sample.look(0, filled(std::byte{1}));
  EXPECT_FALSE(sample.change());
  Page after = filled(std::byte{1});
  after[0] = std::byte{2};
  sample.look_changed(0, after);
  sample.look_changed(0, filled(std::byte{9}));  // overflows: every byte differs
  const auto change = sample.change();
  ASSERT_TRUE(change);
  EXPECT_EQ(change->sampled, PageCount(2));
  EXPECT_DOUBLE_EQ(change->modified_words.value(), (1.0 / 512 + 1) / 2);
  EXPECT_DOUBLE_EQ(change->xbzrle_overflow.value(), 0.5);
  EXPECT_EQ(change->xbzrle, Bytes(3));
}

}  // namespace
}  // namespace godwit::profile
