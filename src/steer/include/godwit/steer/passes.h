#pragma once

#include <vector>

#include "godwit/domain/guest_profile.h"
#include "godwit/steer/rehearsal_law.h"

namespace godwit::steer {

/// The dirty curve that passes show. Passes of nearly the same length are one point, their mean;
/// where a longer one dirtied less (the guest calmed down), neighbours become one until the curve
/// rises. `low` and `high` are the least and the most of what was averaged: every page is counted,
/// so there is no sampling error. Pure.
[[nodiscard]] std::vector<DirtyPoint> curve_of(std::vector<Pass> passes);

}  // namespace godwit::steer
