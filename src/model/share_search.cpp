#include "godwit/model/share_search.h"

#include <algorithm>

namespace godwit::model {
namespace {

constexpr double kTolerance = 0.01;
constexpr int kGrid = 16;
constexpr double kReach = 1.0 / kGrid;

/// Where f is highest in [low, high], if it has one summit there.
double ternary(const GoodnessOfStorage& f, double low, double high) {
  while (high - low > kTolerance) {
    const double third = (high - low) / 3;
    if (f(low + third) < f(high - third)) {
      low += third;
    } else {
      high -= third;
    }
  }
  // a summit at an end is met exactly
  double best = (low + high) / 2;
  for (const double end : {low, high}) {
    if (f(end) > f(best)) best = end;
  }
  return best;
}

double around(double at, const GoodnessOfStorage& f) {
  return ternary(f, std::max(0.0, at - kReach), std::min(1.0, at + kReach));
}

}  // namespace

ZhangChoice their_shares(const GoodnessOfStorage& storage_only, const GoodnessOfShares& both) {
  const double s = ternary(storage_only, 0, 1);
  const double m = ternary([&](double share) { return both(share, s); }, 0, 1);
  return {Ratio(m), Ratio(s)};
}

ZhangChoice best_shares(const GoodnessOfShares& goodness, const ZhangChoice& begin,
                        const FreeShares& free) {
  double m = begin.memory.value();
  double s = begin.storage.value();
  double best = goodness(m, s);
  const auto offer = [&](double other_m, double other_s) {
    const double at = goodness(other_m, other_s);
    if (at <= best) return;
    best = at;
    m = other_m;
    s = other_s;
  };
  for (int i = 0; i <= (free.memory ? kGrid : 0); ++i) {
    for (int j = 0; j <= (free.storage ? kGrid : 0); ++j) {
      offer(free.memory ? i * kReach : m, free.storage ? j * kReach : s);
    }
  }
  // around it, one after the other, until neither helps
  for (bool better = true; better;) {
    const double before = best;
    if (free.memory) offer(around(m, [&](double share) { return goodness(share, s); }), s);
    if (free.storage) offer(m, around(s, [&](double share) { return goodness(m, share); }));
    better = best > before;
  }
  return {Ratio(m), Ratio(s)};
}

}  // namespace godwit::model
