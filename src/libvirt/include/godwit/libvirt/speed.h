#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "godwit/base/units.h"

/// libvirt counts a migration's bandwidth in whole MiB/s.

namespace godwit::libvirt {

inline constexpr double kMib = 1024.0 * 1024;
/// The most that its protocol carries: all of an unsigned 64-bit number of bytes.
inline constexpr double kMostMib = 8796093022207.0;

/// What sets a domain that had no limit free again.
inline constexpr BytesPerSecond kNoLimit(kMostMib* kMib);

/// Rounded down, so that a limit is kept; 1 at least, as 0 means none.
[[nodiscard]] inline unsigned long whole_mib(BytesPerSecond rate) {
  return static_cast<unsigned long>(std::clamp(std::floor(rate.value() / kMib), 1.0, kMostMib));
}

/// Nothing where there is no limit.
[[nodiscard]] inline std::optional<BytesPerSecond> rate_of(unsigned long mib_per_s) {
  const auto mib = static_cast<double>(mib_per_s);
  return mib_per_s == 0 || mib >= kMostMib ? std::nullopt
                                           : std::optional(BytesPerSecond(mib * kMib));
}

}  // namespace godwit::libvirt
