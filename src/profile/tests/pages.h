#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "godwit/base/rng.h"

/// Pages to look at.

namespace godwit::profile {

using Page = std::vector<std::byte>;
inline constexpr std::size_t kSize = 4096;

inline Page filled(std::byte with) {
  return Page(kSize, with);
}
inline Page random_page(Rng& rng) {
  Page page(kSize);
  for (std::size_t at = 0; at < kSize; at += 8) {
    const std::uint64_t word = rng.next();
    std::memcpy(page.data() + at, &word, sizeof word);
  }
  return page;
}
inline Page text_page() {
  const std::string_view words = "the bird that flies 12,000 km without landing ";
  Page page(kSize);
  for (std::size_t at = 0; at < kSize; ++at)
    page[at] = static_cast<std::byte>(words[at % words.size()]);
  return page;
}

}  // namespace godwit::profile
