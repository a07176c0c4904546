#pragma once

#include "godwit/base/units.h"
#include "godwit/domain/downtime_limit.h"

/// Constants of QEMU's migration that others need, too.

namespace godwit::twin {

/// Bytes that QEMU's ram.c adds to a page on the stream (offset and flags), and those that stand
/// for a page of zeros (the same and one byte).
inline constexpr double kPageHeader = 8;
inline constexpr double kZeroMark = 9;

using godwit::kDefaultDowntimeLimit;

}  // namespace godwit::twin
