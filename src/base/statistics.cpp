#include "godwit/base/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace godwit {

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return sorted_quantile(values, share);
}

double sorted_quantile(std::span<const double> values, double share) {
  const double rank = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], rank - static_cast<double>(below));
}

Moments moments_of(std::span<const double> values) {
  double sum = 0;
  double n = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++n;
  }
  if (n == 0) return {};
  const double mean = sum / n;
  double squares = 0;
  for (const double value : values) {
    if (!std::isnan(value)) squares += (value - mean) * (value - mean);
  }
  return {mean, std::sqrt(squares / n)};
}

}  // namespace godwit
