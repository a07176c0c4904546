#include "remote_ranges.h"

namespace godwit::guestmem {

std::vector<iovec> remote_ranges(std::span<const std::uint64_t> page_addresses,
                                 std::size_t page_bytes) {
  std::vector<iovec> ranges;
  std::uint64_t end = 0;
  for (const std::uint64_t address : page_addresses) {
    if (!ranges.empty() && address == end) {
      ranges.back().iov_len += page_bytes;
    } else {
      // The address is another process's and is never followed here.
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      ranges.push_back({reinterpret_cast<void*>(address), page_bytes});
    }
    end = address + page_bytes;
  }
  return ranges;
}

}  // namespace godwit::guestmem
