#pragma once

#include <cstddef>
#include <vector>

#include "godwit/domain/guest_profile.h"

/// What the pages that a profile watched say of a dirty curve.

namespace godwit::model {

/// Slots of a trace, in the order of time, by number.
using Slots = std::vector<std::size_t>;
[[nodiscard]] Slots all_slots(const WriteTrace& trace);

/// Pages that changed within `length` of these slots one after the other: the mean over all places.
/// 1 <= length <= slots.size().
[[nodiscard]] double changed_within(const WriteTrace& trace, const Slots& slots,
                                    std::size_t length);

/// What is written within 1, 2, 4 and so on, at most `longest`, of these slots; `scale`: bytes for
/// each page.
[[nodiscard]] std::vector<DirtyPoint> curve_of(const WriteTrace& trace, const Slots& slots,
                                               std::size_t longest, double scale, Bytes ram);

/// The windows in which the trace tells more than `first`, the first point of a curve by the same
/// looks at more pages, to which it is scaled; and the next longer one. Empty where it shows too
/// little to tell.
[[nodiscard]] std::vector<DirtyPoint> finer_points(const WriteTrace& trace, const DirtyPoint& first,
                                                   Bytes ram);

}  // namespace godwit::model
