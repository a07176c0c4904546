#pragma once

#include "godwit/base/units.h"

namespace godwit {

/// The longest downtime limit that QEMU takes (MAX_MIGRATE_DOWNTIME, migration/options.c): whatever
/// is left fits it, so QEMU stops the guest at its next look.
inline constexpr Seconds kLongestDowntimeLimit{2000};
/// QEMU's default.
inline constexpr Seconds kDefaultDowntimeLimit{0.3};

}  // namespace godwit
