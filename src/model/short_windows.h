#pragma once

#include <vector>

#include "godwit/domain/guest_profile.h"

/// What a guest writes within less than the first window of a dirty curve.
///
/// Of a guest that goes on alike, W(t) is concave: a page is new where it was not written since the
/// window began, which gets rarer as that grows. So, with the curve's first points (t0, W0) and
/// (t1, W1), what is written within t < t0 lies between the straight line from (0, 0) to the first
/// point and the line through both, W0 - (W1 - W0) / (t1 - t0) * (t0 - t). The two are one where
/// the curve is straight, and far apart where most of a small set is written again and again.
///
/// Between them lies what a source with shorter windows saw. Else, and for what that source does
/// not see, it is the mean of two writers through the first points: one at random,
/// S (1 - exp(-k t)), and one that also writes steadily, g t + S (1 - exp(-k t)), with g the slope
/// between the second point and the third.
///
/// `godwit evaluate --dataset short-windows` tells what that is worth (docs/research/phases.md): of
/// 504 curves by hashes the first point (1/8 s) is hit, from those after it, to 6 % in the mean and
/// 4 % in the median; by a straight line to 28 and 31 %. All of them lie between the two lines,
/// which so stand for a 90 % interval.

namespace godwit::model {

/// The same curve with those windows of `finer` that are shorter than its first. What `finer` sees
/// less of within that first window is taken for hidden from it, and for written at random; where
/// it sees more it is scaled down. `finer` ascends; unchanged where it has no shorter windows, or
/// either saw nothing.
[[nodiscard]] std::vector<DirtyPoint> with_finer(std::vector<DirtyPoint> curve,
                                                 const std::vector<DirtyPoint>& finer);

/// The same curve with windows down to 10 ms, half as long as the one before each, by its first
/// points alone. Unchanged where it is straight, or has one point.
[[nodiscard]] std::vector<DirtyPoint> with_short_windows(std::vector<DirtyPoint> curve);

}  // namespace godwit::model
