#include "main_curve.h"

#include <algorithm>
#include <utility>

namespace godwit::control {
namespace {

/// What changed pages hold, and how they change, was seen of what hashes saw. Where that is less
/// than a fifth of the writing (as in model/phases.h) it is the guest's background, and says
/// nothing of the rest.
void forget_changes_if_hidden(GuestProfile& profile, const std::vector<DirtyPoint>& whole) {
  constexpr double kLeastSeen = 0.2;
  const DirtyPoint* const seen = comparable_point(profile, whole);
  if (seen == nullptr) return;
  if (seen->unique.as_double() >= kLeastSeen * whole.back().unique.as_double()) return;
  profile.changed_contents.reset();
  profile.changed_to_zero_share.reset();
  profile.change.reset();
}

}  // namespace

const DirtyPoint* comparable_point(const GuestProfile& profile,
                                   const std::vector<DirtyPoint>& whole) {
  const std::vector<DirtyPoint>& points = profile.dirty_curve;
  const auto last = std::find_if(points.rbegin(), points.rend(), [&whole](const DirtyPoint& point) {
    return !whole.empty() && point.window <= whole.back().window;
  });
  return last == points.rend() ? nullptr : &*last;
}

void make_main(GuestProfile& profile, SourcedCurve better) {
  if (!profile.dirty_curve.empty()) {
    if (profile.source == DirtySource::kContentHash) {
      forget_changes_if_hidden(profile, better.points);
    }
    profile.other_curves.push_back(
        {profile.source, std::move(profile.blind_spot), std::move(profile.dirty_curve)});
  }
  profile.source = better.source;
  profile.blind_spot = std::move(better.blind_spot);
  profile.dirty_curve = std::move(better.points);
  for (DirtyPoint& point : profile.dirty_curve) {
    for (Bytes* value : {&point.unique, &point.low, &point.high}) {
      *value = std::min(*value, profile.ram);
    }
  }
}

}  // namespace godwit::control
