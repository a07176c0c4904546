#include "humps.h"

#include <cmath>
#include <cstddef>

#include "godwit/base/statistics.h"

namespace godwit::twin {
namespace {

/// Repeats of one migration differ by some percent; what is a quarter apart is another course.
constexpr double kGap = 1.25;
/// Fewer draws than that share are no more than a tail.
constexpr double kLeastShare = 0.1;

}  // namespace

std::vector<Hump> humps_of(std::span<const double> sorted) {
  const auto all = static_cast<double>(sorted.size());
  const auto least = static_cast<std::size_t>(std::ceil(kLeastShare * all));
  std::vector<std::size_t> starts{0};
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const bool enough = i - starts.back() >= least && sorted.size() - i >= least;
    if (enough && sorted[i] > kGap * sorted[i - 1]) starts.push_back(i);
  }
  if (starts.size() < 2) return {};
  starts.push_back(sorted.size());
  std::vector<Hump> humps;
  for (std::size_t g = 0; g + 1 < starts.size(); ++g) {
    const auto group = sorted.subspan(starts[g], starts[g + 1] - starts[g]);
    const auto at = [&group](double share) { return Seconds(sorted_quantile(group, share)); };
    humps.push_back(
        {Ratio(static_cast<double>(group.size()) / all), {at(0.5), at(0.05), at(0.95)}});
  }
  return humps;
}

}  // namespace godwit::twin
