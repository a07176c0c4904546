#include "godwit/model/seen_share.h"

#include <algorithm>
#include <cmath>

namespace godwit::model {

double unique_at(const std::vector<DirtyPoint>& points, Seconds window) {
  DirtyPoint before;
  for (const DirtyPoint& point : points) {
    if (point.window >= window) {
      const double share = (window - before.window) / (point.window - before.window);
      return std::lerp(before.unique.as_double(), point.unique.as_double(), share);
    }
    before = point;
  }
  return before.unique.as_double();
}

std::vector<SeenShare> seen_shares(const GuestProfile& profile) {
  std::vector<SeenShare> shares;
  if (profile.dirty_curve.empty()) return shares;
  for (const SourcedCurve& other : profile.other_curves) {
    if (other.points.empty()) continue;
    const Seconds window = std::min(profile.dirty_curve.back().window, other.points.back().window);
    const double all = unique_at(profile.dirty_curve, window);
    if (!(window > Seconds(0)) || !(all > 0)) continue;
    shares.push_back({other.source, window, Ratio(unique_at(other.points, window) / all)});
  }
  return shares;
}

}  // namespace godwit::model
