// What a load writes into a page.
#pragma once

#include <cstdint>
#include <span>

#include "godwit/guest/load_spec.h"
#include "godwit/guest/random.h"

namespace godwit::guest {

using PageSpan = std::span<std::uint64_t, kPageWords>;

// random: fresh words, so that neither a hash, nor a compressor, nor XBZRLE sees anything old.
// compressible: zlib makes it about four times smaller, yet every word differs from last time.
// zero: a silent store from the second time on.
// With fewer words than a page has, only these change: evenly spread from a random start.
// Single-threaded.
class ContentWriter {
 public:
  // `words` in [1, kPageWords].
  ContentWriter(Content content, std::int64_t words, std::uint64_t seed);

  void write(PageSpan page);

 private:
  void write_whole(PageSpan page);
  void write_words(PageSpan page);

  Content content_;
  std::int64_t words_;
  Random random_;
};

// A silent store: every word is written as it was.
void rewrite(PageSpan page);

// Fills `words` with random content, whatever its length.
void fill_random(std::span<std::uint64_t> words, Random& random);

}  // namespace godwit::guest
