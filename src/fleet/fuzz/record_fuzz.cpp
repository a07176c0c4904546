#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/fleet/record.h"

/// Any bytes are an entry that is written and read again as the same one, or kCorrupt.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto entry = godwit::fleet::entry_from({reinterpret_cast<const char*>(data), size});
  if (!entry) {
    if (entry.error().code != godwit::ErrorCode::kCorrupt) std::abort();
    return 0;
  }
  const auto again = godwit::fleet::entry_from(godwit::fleet::to_line(*entry));
  if (!again || *again != *entry) std::abort();
  return 0;
}
