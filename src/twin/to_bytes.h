#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "godwit/base/units.h"

namespace godwit::twin {

/// Of a simulated amount; what rounding made negative is nothing.
inline Bytes to_bytes(double bytes) {
  return Bytes(static_cast<std::int64_t>(std::llround(std::max(bytes, 0.0))));
}

}  // namespace godwit::twin
