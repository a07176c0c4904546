#include "curve_estimate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "godwit/base/contract.h"
#include "godwit/base/statistics.h"

namespace godwit::profile {
namespace {

/// Looks `from` and `to` at the same pages: a window of the dirty curve.
struct Pair {
  std::size_t from;
  std::size_t to;
};

/// The mean over some windows of (about) the same length.
struct Observed {
  Seconds window{};
  Share share;
  double weight = 1;
};

double share_changed(const PageChanges& changes, Pair pair) {
  const std::uint32_t looks = ((1U << (pair.to - pair.from)) - 1U) << pair.from;
  const auto changed = std::count_if(changes.changed.begin(), changes.changed.end(),
                                     [&](std::uint32_t mask) { return (mask & looks) != 0; });
  return static_cast<double>(changed) / static_cast<double>(changes.changed.size());
}

Observed observe_pairs(const PageChanges& changes, std::span<const Pair> pairs) {
  Seconds window{};
  double share = 0;
  for (const Pair pair : pairs) {
    window += changes.looks[pair.to] - changes.looks[pair.from];
    share += share_changed(changes, pair);
  }
  const auto count = static_cast<double>(pairs.size());
  const auto sampled = static_cast<std::int64_t>(changes.changed.size());
  return {window / count, estimate_share(share / count, sampled, changes.population.count()),
          count};
}

DirtyPoint to_point(const PageChanges& changes, Seconds window, const Share& share) {
  const Bytes ram = changes.page_size.bytes_of(changes.population);
  return {window, ram * Ratio(share.estimate), ram * Ratio(std::min(share.low, share.estimate)),
          ram * Ratio(std::max(share.high, share.estimate))};
}

/// Puts the isotonic fit of one member of the shares in its place.
void straighten(std::vector<Observed>& observed, double Share::*member) {
  std::vector<double> values;
  std::vector<double> weights;
  for (const Observed& one : observed) {
    values.push_back(one.share.*member);
    weights.push_back(one.weight);
  }
  const std::vector<double> fitted = isotonic(values, weights);
  for (std::size_t i = 0; i < observed.size(); ++i) observed[i].share.*member = fitted[i];
}

}  // namespace

std::int64_t pages_to_sample(std::int64_t population, double half_width) {
  const double infinite = kNormal95 * kNormal95 / (4 * half_width * half_width);
  const double all = static_cast<double>(population);
  if (population <= 1 || !std::isfinite(infinite)) return population;
  return std::min(population,
                  static_cast<std::int64_t>(std::ceil(infinite / (1 + (infinite - 1) / all))));
}

Share estimate_share(double share, std::int64_t sampled, std::int64_t population) {
  if (sampled <= 0 || sampled > population) contract_failure("a sample larger than all, or empty");
  if (sampled == population) return {share, share, share};
  const auto n = static_cast<double>(sampled);
  const auto all = static_cast<double>(population);
  const double worth = n * (all - 1) / (all - n);
  const double z2 = kNormal95 * kNormal95;
  const double centre = (share + z2 / (2 * worth)) / (1 + z2 / worth);
  const double half = kNormal95 / (1 + z2 / worth) *
                      std::sqrt(share * (1 - share) / worth + z2 / (4 * worth * worth));
  // What was seen is certain: so many pages at least changed, and so many did not.
  const double known_changed = share * n / all;
  const double known_still = (1 - share) * n / all;
  return {share, std::clamp(centre - half, known_changed, share),
          std::clamp(centre + half, share, 1 - known_still)};
}

std::vector<double> isotonic(std::span<const double> values, std::span<const double> weights) {
  struct Pool {
    double mean;
    double weight;
    std::size_t count;
  };
  std::vector<Pool> pools;
  for (std::size_t i = 0; i < values.size(); ++i) {
    Pool pool{values[i], weights[i], 1};
    while (!pools.empty() && pools.back().mean >= pool.mean) {
      const Pool& before = pools.back();
      const double weight = before.weight + pool.weight;
      pool = {(before.mean * before.weight + pool.mean * pool.weight) / weight, weight,
              before.count + pool.count};
      pools.pop_back();
    }
    pools.push_back(pool);
  }
  std::vector<double> fitted;
  fitted.reserve(values.size());
  for (const Pool& pool : pools) fitted.insert(fitted.end(), pool.count, pool.mean);
  return fitted;
}

std::vector<DirtyPoint> dirty_curve(const PageChanges& changes) {
  std::vector<Observed> observed;
  for (std::size_t k = 1; k < changes.looks.size(); ++k) {
    std::vector<Pair> pairs{{0, k}};
    if (k + 1 < changes.looks.size()) pairs.push_back({k, k + 1});
    observed.push_back(observe_pairs(changes, pairs));
  }
  // Measured lengths can change places when the observer was kept from running.
  std::sort(observed.begin(), observed.end(),
            [](const Observed& a, const Observed& b) { return a.window < b.window; });
  straighten(observed, &Share::estimate);
  straighten(observed, &Share::low);
  straighten(observed, &Share::high);
  std::vector<DirtyPoint> curve;
  curve.reserve(observed.size());
  for (const Observed& one : observed) {
    curve.push_back(to_point(changes, one.window, one.share));
  }
  return curve;
}

std::vector<DirtyPoint> dirty_series(const PageChanges& changes) {
  std::vector<DirtyPoint> series;
  for (std::size_t k = 1; k < changes.looks.size(); ++k) {
    const Pair pair{k - 1, k};
    const Observed observed = observe_pairs(changes, {&pair, 1});
    series.push_back(to_point(changes, observed.window, observed.share));
  }
  return series;
}

}  // namespace godwit::profile
