#pragma once

#include "godwit/base/units.h"

/// For how long which answer is awaited.

namespace godwit::pair {

/// Between two looks.
inline constexpr Seconds kTick{0.05};
/// QEMU aborts a stream by closing its socket; what takes longer than this is stuck in the kernel.
inline constexpr Seconds kCancelPatience{30};
/// What a killed tunnel takes to come back: settings that only that side's monitor can give back.
inline constexpr Seconds kGiveBackPatience{10};
/// Until a guest that a migration has left runs on.
inline constexpr Seconds kRunPatience{15};

}  // namespace godwit::pair
