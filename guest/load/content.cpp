#include "godwit/guest/content.h"

#include <algorithm>

namespace godwit::guest {
namespace {

// A compressible page: groups of words, of which the first are random and the others all alike.
// A compressor keeps the random ones and a few bytes per run (README: measured ratio).
constexpr std::size_t kGroupWords = 32;
constexpr std::size_t kRandomWordsPerGroup = 7;

void fill_compressible(PageSpan page, Random& random) {
  const std::uint64_t alike = random.next();
  for (std::size_t group = 0; group < page.size(); group += kGroupWords) {
    const auto words = page.subspan(group, kGroupWords);
    fill_random(words.first(kRandomWordsPerGroup), random);
    std::ranges::fill(words.subspan(kRandomWordsPerGroup), alike);
  }
}

}  // namespace

void fill_random(std::span<std::uint64_t> words, Random& random) {
  for (std::uint64_t& word : words) word = random.next();
}

void rewrite(PageSpan page) {
  // Volatile, or the compiler would see that nothing changes.
  for (std::uint64_t& word : page) {
    volatile std::uint64_t& store = word;
    store = word;
  }
}

ContentWriter::ContentWriter(Content content, std::int64_t words, std::uint64_t seed)
    : content_(content), words_(words), random_(seed) {}

void ContentWriter::write(PageSpan page) {
  if (words_ >= kPageWords) {
    write_whole(page);
  } else {
    write_words(page);
  }
}

void ContentWriter::write_whole(PageSpan page) {
  switch (content_) {
    case Content::kRandom:
      return fill_random(page, random_);
    case Content::kCompressible:
      return fill_compressible(page, random_);
    case Content::kZero:
      std::ranges::fill(page, 0U);
      return;
  }
}

void ContentWriter::write_words(PageSpan page) {
  const std::int64_t start = random_.below(kPageWords);
  const std::uint64_t alike = content_ == Content::kZero ? 0 : random_.next();
  for (std::int64_t i = 0; i < words_; ++i) {
    // Distinct positions, as i * kPageWords / words_ grows by at least one each time.
    const auto at = static_cast<std::size_t>((start + i * kPageWords / words_) % kPageWords);
    page[at] = content_ == Content::kRandom ? random_.next() : alike;
  }
}

}  // namespace godwit::guest
