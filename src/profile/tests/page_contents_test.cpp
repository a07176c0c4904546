#include "page_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "godwit/base/rng.h"
#include "pages.h"

namespace godwit::profile {
namespace {

Seconds no_time() {
  return Seconds(0);
}

TEST(ByteEntropy, OfOneByteIsNoneAndOfAllBytesEight) {
  EXPECT_DOUBLE_EQ(byte_entropy(filled(std::byte{3})), 0);
  Page all(kSize);
  for (std::size_t at = 0; at < kSize; ++at) all[at] = static_cast<std::byte>(at % 256);
  EXPECT_DOUBLE_EQ(byte_entropy(all), 8);
}

TEST(DuplicateShare, CountsEveryTwin) {
  EXPECT_EQ(duplicate_share({}), std::nullopt);
  EXPECT_EQ(duplicate_share({1, 2, 3}), Ratio(0));
  EXPECT_EQ(duplicate_share({1, 2, 1, 3, 1}), Ratio(0.6));
}

/// Guest memory that is just these pages.
class Pages final : public GuestMemory {
 public:
  explicit Pages(std::vector<Page> pages) : pages(std::move(pages)) {
    layout_.blocks.push_back({"ram", PageSize(kSize).bytes_of(count())});
  }
  [[nodiscard]] PageCount count() const {
    return PageCount(static_cast<std::int64_t>(pages.size()));
  }
  [[nodiscard]] const RamLayout& layout() const override { return layout_; }
  Result<void> visit_pages(std::span<const std::int64_t> wanted,
                           const PageVisitor& visit) override {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      visit(i, pages.at(static_cast<std::size_t>(wanted[i])));
    }
    return {};
  }
  Result<std::optional<Seconds>> vcpu_time() override { return std::nullopt; }
  [[nodiscard]] Seconds own_cpu_time() const override { return Seconds(0); }
  [[nodiscard]] std::optional<int> host_cpus() const override { return std::nullopt; }

  std::vector<Page> pages;

 private:
  RamLayout layout_;
};

ContentRuns runs_of(const Pages& guest) {
  Rng rng(1);
  return ContentRuns(guest.count(), PageSize(kSize), rng);
}

TEST(ContentRuns, TellWhatCompressesFromWhatDoesNot) {
  Rng rng(3);
  Pages noise(std::vector<Page>(64));
  for (Page& page : noise.pages) page = random_page(rng);
  Pages text(std::vector<Page>(64, text_page()));
  ContentRuns of_noise = runs_of(noise);
  ASSERT_TRUE(of_noise.look(noise));
  const auto hard = of_noise.contents(no_time);
  ASSERT_TRUE(hard);
  EXPECT_EQ(hard->sampled, PageCount(64));
  EXPECT_GT(hard->zlib.value(), 0.99);
  EXPECT_LE(hard->zlib.value(), 1);
  EXPECT_GT(hard->zstd.value(), 0.99);
  EXPECT_GT(hard->entropy_bits, 7.9);
  EXPECT_FALSE(of_noise.changed_contents(no_time));
  ContentRuns of_text = runs_of(text);
  ASSERT_TRUE(of_text.look(text));
  const auto easy = of_text.contents(no_time);
  ASSERT_TRUE(easy);
  EXPECT_LT(easy->zlib.value(), 0.05);
  EXPECT_LT(easy->zstd.value(), 0.05);
  EXPECT_LT(easy->entropy_bits, 5);
}

TEST(ContentRuns, APageIsSeenBesideThoseBeforeIt) {
  Rng rng(3);
  Pages guest(std::vector<Page>(8192));
  // noise that comes again in the next page, and in none further away
  for (std::size_t i = 0; i < guest.pages.size(); ++i) {
    guest.pages[i] = i % 2 == 0 ? random_page(rng) : guest.pages[i - 1];
  }
  ContentRuns runs = runs_of(guest);
  ASSERT_TRUE(runs.look(guest));
  const auto contents = runs.contents(no_time);
  EXPECT_EQ(contents->sampled, PageCount(1024));
  EXPECT_TRUE(contents->in_runs);
  EXPECT_NEAR(contents->zlib.value(), 0.53, 0.04);  // a run may begin with a second page
  EXPECT_NEAR(contents->zstd.value(), 0.53, 0.04);
}

TEST(ContentRuns, ARegionHasItsShareOfThem) {
  Rng rng(3);
  Pages guest(std::vector<Page>(16'384, text_page()));
  for (std::size_t i = 4000; i < 8096; ++i) guest.pages[i] = random_page(rng);  // a quarter
  ContentRuns runs = runs_of(guest);
  ASSERT_TRUE(runs.look(guest));
  EXPECT_NEAR(runs.contents(no_time)->zstd.value(), 0.25, 0.02);
}

TEST(ContentRuns, TheEndOfMemoryIsMeasuredApart) {
  Rng rng(3);
  Pages guest(std::vector<Page>(16'384, text_page()));
  for (std::size_t i = 0; i < 15'360; ++i) guest.pages[i] = random_page(rng);
  ContentRuns runs = runs_of(guest);
  ASSERT_TRUE(runs.look(guest));
  EXPECT_GT(runs.contents(no_time)->zlib.value(), 0.9);
  EXPECT_LT(runs.end_contents(no_time)->zlib.value(), 0.1);
  EXPECT_EQ(runs.end_contents(no_time)->sampled, PageCount(256));
}

TEST(ContentRuns, ThoseThatChangeAreMeasuredApart) {
  Rng rng(3);
  Pages guest(std::vector<Page>(16, text_page()));
  ContentRuns runs = runs_of(guest);
  ASSERT_TRUE(runs.look(guest));
  guest.pages[5] = random_page(rng);
  ASSERT_TRUE(runs.look(guest));
  EXPECT_EQ(runs.contents(no_time)->sampled, PageCount(16));
  const auto changed = runs.changed_contents(no_time);
  EXPECT_EQ(changed->sampled, PageCount(1));
  EXPECT_GT(changed->zlib.value(), 0.99);
}

TEST(ContentRuns, ZeroPagesDoNotCount) {
  Pages guest(std::vector<Page>(16, filled(std::byte{0})));
  ContentRuns runs = runs_of(guest);
  EXPECT_FALSE(runs.contents(no_time));
  ASSERT_TRUE(runs.look(guest));
  EXPECT_FALSE(runs.contents(no_time));
  guest.pages[2] = text_page();
  ASSERT_TRUE(runs.look(guest));
  EXPECT_EQ(runs.contents(no_time)->sampled, PageCount(1));
}

TEST(ContentRuns, AGuestSmallerThanARunHasNone) {
  Pages guest(std::vector<Page>(7, text_page()));
  ContentRuns runs = runs_of(guest);
  ASSERT_TRUE(runs.look(guest));
  EXPECT_FALSE(runs.contents(no_time));
}

TEST(ContentRuns, TheCostIsByPage) {
  Pages guest(std::vector<Page>(8, text_page()));
  ContentRuns runs = runs_of(guest);
  ASSERT_TRUE(runs.look(guest));
  Seconds used{};
  const auto contents = runs.contents([&used] { return used += Seconds(1); });
  EXPECT_EQ(contents->zlib_per_page, Seconds(0.125));
  EXPECT_EQ(contents->zstd_per_page, Seconds(0.125));
}

}  // namespace
}  // namespace godwit::profile
