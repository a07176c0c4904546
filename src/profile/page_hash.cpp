#include "page_hash.h"

#define XXH_INLINE_ALL  // NOLINT(readability-identifier-naming): xxHash's name for its header mode
#include <xxhash.h>

namespace godwit::profile {

std::uint64_t page_hash(std::span<const std::byte> page) {
  return XXH3_64bits(page.data(), page.size());
}

}  // namespace godwit::profile
