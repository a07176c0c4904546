#pragma once

#include <optional>

#include "godwit/base/units.h"

namespace godwit {

/// The path that a migration stream takes.
struct Link {
  BytesPerSecond rate;                ///< what the stream may use, as QEMU counts its bytes
  std::optional<Seconds> round_trip;  ///< absent where nobody measured it

  friend bool operator==(const Link&, const Link&) = default;
};

}  // namespace godwit
