#include "rate_classes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

namespace godwit::profile {
namespace {

/// Rates from one write in four observations to four in the shortest interval: what lies beyond
/// looks like never and always.
constexpr double kBeyond = 4;
constexpr int kRounds = 200;  // of expectation maximisation; it moves little after some dozens
/// A class of less than this share of RAM is none.
constexpr double kLeastShare = 1e-4;

std::vector<double> intervals_of(const std::vector<Seconds>& looks) {
  std::vector<double> intervals;
  for (std::size_t k = 1; k < looks.size(); ++k) {
    intervals.push_back((looks[k] - looks[k - 1]).count());
  }
  return intervals;
}

std::vector<double> rates_for(const std::vector<double>& intervals) {
  double shortest = intervals.front();
  double all = 0;
  for (const double interval : intervals) {
    shortest = std::min(shortest, interval);
    all += interval;
  }
  std::vector<double> rates{0};
  for (double rate = 1 / (kBeyond * all); rate <= kBeyond / shortest; rate *= 2) {
    rates.push_back(rate);
  }
  return rates;
}

/// That a page written at `rate` changes in just these intervals.
double likelihood(double rate, std::uint32_t pattern, const std::vector<double>& intervals) {
  double product = 1;
  for (std::size_t k = 0; k < intervals.size(); ++k) {
    const double calm = std::exp(-rate * intervals[k]);
    product *= (pattern >> k & 1U) != 0 ? 1 - calm : calm;
  }
  return product;
}

struct Pattern {
  double share = 0;                 ///< of the pages
  std::vector<double> likelihoods;  ///< by rate
};

std::vector<Pattern> patterns_of(const PageChanges& changes, const std::vector<double>& rates,
                                 const std::vector<double>& intervals) {
  std::map<std::uint32_t, std::size_t> counts;
  for (const std::uint32_t pattern : changes.changed) ++counts[pattern];
  std::vector<Pattern> patterns;
  for (const auto& [bits, count] : counts) {
    Pattern pattern;
    pattern.share = static_cast<double>(count) / static_cast<double>(changes.changed.size());
    for (const double rate : rates) {
      pattern.likelihoods.push_back(likelihood(rate, bits, intervals));
    }
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

/// One round: each pattern's pages are divided as the weights make likely; those are the new ones.
std::vector<double> improved(const std::vector<double>& weights,
                             const std::vector<Pattern>& patterns) {
  std::vector<double> next(weights.size(), 0);
  for (const Pattern& pattern : patterns) {
    double all = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) all += weights[i] * pattern.likelihoods[i];
    if (all <= 0) continue;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      next[i] += pattern.share * weights[i] * pattern.likelihoods[i] / all;
    }
  }
  return next;
}

}  // namespace

std::vector<RateClass> rate_classes(const PageChanges& changes) {
  const std::vector<double> intervals = intervals_of(changes.looks);
  const bool apart =
      std::all_of(intervals.begin(), intervals.end(), [](double t) { return t > 0; });
  if (intervals.empty() || changes.changed.empty() || !apart) return {};
  const std::vector<double> rates = rates_for(intervals);
  const std::vector<Pattern> patterns = patterns_of(changes, rates, intervals);
  std::vector<double> weights(rates.size(), 1.0 / static_cast<double>(rates.size()));
  for (int i = 0; i < kRounds; ++i) weights = improved(weights, patterns);
  const double ram = changes.page_size.bytes_of(changes.population).as_double();
  std::vector<RateClass> classes;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    if (weights[i] < kLeastShare) continue;
    const auto bytes = static_cast<std::int64_t>(std::llround(weights[i] * ram));
    classes.push_back({rates[i], Bytes(bytes)});
  }
  return classes;
}

}  // namespace godwit::profile
