#include "page_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace godwit::profile {

std::uint64_t page_hash(std::span<const std::byte> page) {
  return XXH3_64bits(page.data(), page.size());
}

}  // namespace godwit::profile
