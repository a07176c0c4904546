#include "godwit/steer/passes.h"

#include <algorithm>
#include <cstdint>

namespace godwit::steer {
namespace {

/// Passes whose windows differ by less are one point of the curve: QEMU's slices of 100 ms spread
/// equal passes by at least as much.
constexpr double kSameWindow = 1.15;

struct Group {
  double windows = 0;  ///< sum
  double dirtied = 0;  ///< sum
  double count = 0;
  Bytes low;
  Bytes high;

  [[nodiscard]] double window() const { return windows / count; }
  [[nodiscard]] double unique() const { return dirtied / count; }
  void add(const Group& other) {
    windows += other.windows;
    dirtied += other.dirtied;
    count += other.count;
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
};

Group of(const Pass& pass) {
  return {pass.window.count(), pass.dirtied.as_double(), 1, pass.dirtied, pass.dirtied};
}

std::vector<Group> by_window(std::vector<Pass> passes) {
  std::sort(passes.begin(), passes.end(),
            [](const Pass& a, const Pass& b) { return a.window < b.window; });
  std::vector<Group> groups;
  double first = 0;
  for (const Pass& pass : passes) {
    if (!groups.empty() && pass.window.count() <= first * kSameWindow) {
      groups.back().add(of(pass));
    } else {
      groups.push_back(of(pass));
      first = pass.window.count();
    }
  }
  return groups;
}

}  // namespace

/// What is dirtied within a longer window is never less: neighbours that fall are joined (pool
/// adjacent violators, Barlow et al. 1972).
std::vector<DirtyPoint> curve_of(std::vector<Pass> passes) {
  std::vector<Group> rising;
  for (const Group& group : by_window(std::move(passes))) {
    rising.push_back(group);
    while (rising.size() > 1 && rising.back().unique() < rising[rising.size() - 2].unique()) {
      const Group last = rising.back();
      rising.pop_back();
      rising.back().add(last);
    }
  }
  std::vector<DirtyPoint> points;
  points.reserve(rising.size());
  for (const Group& group : rising) {
    const Bytes unique(static_cast<std::int64_t>(group.unique()));
    points.push_back({Seconds(group.window()), unique, std::min(group.low, unique),
                      std::max(group.high, unique)});
  }
  return points;
}

}  // namespace godwit::steer
