#pragma once

#include <span>
#include <vector>

#include "godwit/domain/prediction.h"

namespace godwit::twin {

/// Groups of total times, in seconds and ascending, with a gap between them that is a quarter of
/// what lies below it, or wider; each holds a tenth of all times at least, or it belongs to its
/// neighbour. Nothing where there is one group, or no time at all.
[[nodiscard]] std::vector<Hump> humps_of(std::span<const double> sorted);

}  // namespace godwit::twin
