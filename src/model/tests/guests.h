#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "godwit/domain/guest_profile.h"
#include "godwit/model/dirty_curve.h"

/// Profiles of guests whose dirty curve is known in closed form, measured without error.

namespace godwit::model::testing {

using CurveFunction = std::function<Bytes(Seconds)>;

inline std::vector<DirtyPoint> points_of(const CurveFunction& curve, double relative_error = 0) {
  std::vector<DirtyPoint> points;
  for (const double t : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) {
    const Bytes bytes = curve(Seconds(t));
    points.push_back(
        {Seconds(t), bytes, bytes * Ratio(1 - relative_error), bytes * Ratio(1 + relative_error)});
  }
  return points;
}

/// `data`: pages that are not zero.
inline GuestProfile guest(Bytes ram, Bytes data, const CurveFunction& curve,
                          double relative_error = 0) {
  GuestProfile profile;
  profile.vm = "test";
  profile.ram = ram;
  profile.zero_share = Ratio(1 - data / ram);
  profile.observed = Seconds(8);
  profile.dirty_curve = points_of(curve, relative_error);
  return profile;
}

inline CurveFunction uniform(Bytes working_set, BytesPerSecond rate) {
  return [=](Seconds t) { return uniform_writer(working_set, rate, t); };
}
inline CurveFunction sequential(Bytes working_set, BytesPerSecond rate) {
  return [=](Seconds t) { return sequential_writer(working_set, rate, t); };
}
inline CurveFunction idle() {
  return [](Seconds) { return Bytes(0); };
}

}  // namespace godwit::model::testing
