#pragma once

#include <vector>

#include "godwit/domain/guest_profile.h"

namespace godwit::control {

/// One pass of a migration, as counted at its two syncs.
struct Pass {
  Seconds window{};
  Bytes dirtied;  ///< in unique pages
};

/// The dirty curve that passes show. Passes of nearly the same length are one point, their mean;
/// where a longer one dirtied less (the guest calmed down), neighbours become one until the curve
/// rises. `low` and `high` are the least and the most of what was averaged: every page is counted,
/// so there is no sampling error. Pure.
[[nodiscard]] std::vector<DirtyPoint> curve_of(std::vector<Pass> passes);

}  // namespace godwit::control
