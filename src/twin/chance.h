#pragma once

#include <vector>

#include "godwit/model/dirty_curve.h"
#include "godwit/twin/predictor.h"

/// Which chances the runs of a prediction get.

namespace godwit::twin {

/// Of one entry each.
struct Chances {
  std::vector<Chance> chances;
  std::vector<model::Growth> growths;
};

/// The likely course; all going well, and all going badly: less dirtied on a faster link, and the
/// reverse; and the likely one with the rest met early, midway and late between two looks.
[[nodiscard]] Chances corner_chances(const HostPairConstants& pair, const model::DirtyCurve& curve);

/// The likely course, and `draws` at random. Each quantity's range is cut into as many equal shares
/// of probability, of which each is drawn from once (Latin hypercube: McKay, Beckman, Conover
/// 1979), so that few draws suffice.
[[nodiscard]] Chances drawn_chances(const HostPairConstants& pair, const model::DirtyCurve& curve,
                                    int draws, std::uint64_t seed);

/// The normal quantile by Abramowitz and Stegun's rational approximation 26.2.23, right to 4.5e-4;
/// 0 < p < 1.
[[nodiscard]] double normal_quantile(double p);

}  // namespace godwit::twin
