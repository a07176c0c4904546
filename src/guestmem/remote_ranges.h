#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace godwit::guestmem {

/// Pages as ranges of another process's addresses: pages that follow each other become one.
[[nodiscard]] std::vector<iovec> remote_ranges(std::span<const std::uint64_t> page_addresses,
                                               std::size_t page_bytes);

}  // namespace godwit::guestmem
