#pragma once

#include <cstdint>
#include <optional>

#include "godwit/base/units.h"

namespace godwit::engine {

/// Memory that a QEMU of this host may still take: free now, and what it holds already. Absent
/// where it runs on another host (`pid` 0), whose memory nobody asks here.
[[nodiscard]] std::optional<Bytes> memory_for(std::int64_t pid);

}  // namespace godwit::engine
