#pragma once

#include <span>
#include <vector>

namespace godwit {

/// The normal distribution's 95th percentile: a 90 % interval reaches so many deviations each way.
inline constexpr double kNormal95 = 1.6448536269514722;

/// The value that a share (0...1) of the others lies below, linear between ranks. Not empty.
[[nodiscard]] double quantile(std::vector<double> values, double share);
/// The same of ascending values.
[[nodiscard]] double sorted_quantile(std::span<const double> values, double share);

struct Moments {
  double mean = 0;
  double deviation = 0;
};
/// Of the values that are known: those that are not NaN. Zeros where there are none.
[[nodiscard]] Moments moments_of(std::span<const double> values);

}  // namespace godwit
