#include "godwit/steer/elasticity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "godwit/base/statistics.h"

namespace godwit::steer {
namespace {

/// A vCPU that used nine tenths of its quota was held back by it: quotas are kept to a few percent
/// (docs/cpu-quota.md).
constexpr double kBindingShare = 0.9;
/// Below these, logarithms mean nothing: an idle guest, a round in which no page was dirtied.
constexpr double kLeastCpus = 1e-4;
constexpr double kLeastDirtied = 4096;

/// Dirtied bytes of equal rounds of one load differ by a tenth or so, believed like this many
/// rounds.
constexpr double kPriorNoise = 0.1;
constexpr double kPriorNoiseRounds = 4;
/// Before anything is seen: between saturated and not, between Jin's assumption and no answer.
constexpr double kPriorWindowExponent = 0.75;
constexpr double kPriorWindowSpread = 0.35;
constexpr double kPriorElasticity = 0.7;
constexpr double kPriorElasticitySpread = 0.5;
/// What the level's variance grows by from round to round, in variances of the noise.
constexpr double kDrift = 0.25;

enum Term : std::size_t { kLevel, kWindow, kCpus };

constexpr double square(double v) {
  return v * v;
}

template <std::size_t N>
double dot(const std::array<double, N>& a, const std::array<double, N>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

template <std::size_t N>
std::array<double, N> times(const std::array<std::array<double, N>, N>& matrix,
                            const std::array<double, N>& x) {
  std::array<double, N> product{};
  std::transform(matrix.begin(), matrix.end(), product.begin(),
                 [&](const auto& row) { return dot(row, x); });
  return product;
}

/// 95th percentile of Student's t: Abramowitz and Stegun, Handbook of Mathematical Functions,
/// 26.7.5, to its second term. Within 0.8 % at 4 degrees of freedom, the fewest here, and less
/// above.
double student_95(double freedom) {
  const double z = kNormal95;
  const double first = (std::pow(z, 3) + z) / 4;
  const double second = (5 * std::pow(z, 5) + 16 * std::pow(z, 3) + 3 * z) / 96;
  return z + first / freedom + second / square(freedom);
}

double sum(const std::vector<Ratio>& shares) {
  return std::accumulate(shares.begin(), shares.end(), 0.0,
                         [](double so_far, Ratio one) { return so_far + one.value(); });
}

bool holds_back(Ratio quota, Ratio used) {
  return quota < Ratio(1) && used.value() >= kBindingShare * quota.value();
}

}  // namespace

Elasticity::Terms Elasticity::terms(double cpus, Seconds window) const {
  return {1.0, std::log(window / first_window_),
          std::log(std::max(cpus, kLeastCpus) / first_cpus_)};
}

void Elasticity::observe(const ThrottledRound& round) {
  if (round.window <= Seconds(0) || round.used.empty()) return;
  learn_demand(round);
  const double cpus = sum(round.used);
  const double y = std::log(std::max(round.dirtied.as_double(), kLeastDirtied));
  if (rounds_ == 0) {
    first_cpus_ = std::max(cpus, kLeastCpus);
    first_window_ = round.window;
    begin(terms(cpus, round.window), y);
  } else {
    update(terms(cpus, round.window), y);
  }
  ++rounds_;
}

void Elasticity::learn_demand(const ThrottledRound& round) {
  last_limited_ = round.quota < Ratio(1);
  last_bound_ = false;
  demand_.resize(round.used.size(), Ratio(1));
  for (std::size_t i = 0; i < demand_.size(); ++i) {
    if (holds_back(round.quota, round.used[i])) {
      last_bound_ = true;
      demand_[i] = std::max(demand_[i], round.used[i]);
    } else {
      demand_[i] = round.used[i];
    }
  }
  if (last_bound_) ++bound_rounds_;
}

/// The first round says the level, and nothing of the noise.
void Elasticity::begin(const Terms& x, double y) {
  noise_variance_ = square(kPriorNoise);
  noise_rounds_ = kPriorNoiseRounds;
  mean_ = {y, kPriorWindowExponent, kPriorElasticity};
  spread_ = {};
  spread_[kLevel][kLevel] = x[kLevel];  // as uncertain as one round's noise
  spread_[kWindow][kWindow] = square(kPriorWindowSpread / kPriorNoise);
  spread_[kCpus][kCpus] = square(kPriorElasticitySpread / kPriorNoise);
}

/// One step of recursive least squares.
void Elasticity::update(const Terms& x, double y) {
  spread_[kLevel][kLevel] += kDrift;
  const Terms spread_x = times(spread_, x);
  const double scale = 1 + dot(x, spread_x);
  const double surprise = y - dot(x, mean_);
  for (std::size_t i = 0; i < kTerms; ++i) {
    mean_[i] += spread_x[i] / scale * surprise;
    for (std::size_t j = 0; j < kTerms; ++j) {
      spread_[i][j] -= spread_x[i] * spread_x[j] / scale;
    }
  }
  noise_variance_ =
      (noise_rounds_ * noise_variance_ + square(surprise) / scale) / (noise_rounds_ + 1);
  noise_rounds_ += 1;
}

double Elasticity::cpus_used(Ratio quota) const {
  return std::accumulate(demand_.begin(), demand_.end(), 0.0, [&](double so_far, Ratio demand) {
    return so_far + std::min(demand, quota).value();
  });
}

std::optional<Interval<BytesPerSecond>> Elasticity::dirty_rate(Ratio quota, Seconds window) const {
  if (rounds_ == 0 || window <= Seconds(0)) return std::nullopt;
  const Terms x = terms(cpus_used(quota), window);
  Terms mean = mean_;
  mean[kWindow] = std::clamp(mean[kWindow], 0.0, 1.0);
  mean[kCpus] = std::max(mean[kCpus], 0.0);  // less CPU never dirties more
  const double variance = noise_variance_ * (1 + kDrift + dot(x, times(spread_, x)));
  const double reach = student_95(noise_rounds_) * std::sqrt(variance);
  const double middle = dot(x, mean);
  const auto rate = [&](double log_bytes) {
    return BytesPerSecond(std::min(std::exp(log_bytes), kMostBytes.as_double()) / window.count());
  };
  return Interval<BytesPerSecond>{rate(middle), rate(middle - reach), rate(middle + reach)};
}

Ratio Elasticity::slowdown(Ratio quota) const {
  const double undisturbed = sum(demand_);
  if (undisturbed <= 0) return Ratio(0);
  return Ratio(1 - cpus_used(quota) / undisturbed);
}

bool Elasticity::binds(Ratio quota) const {
  return std::any_of(demand_.begin(), demand_.end(), [&](Ratio one) { return one > quota; });
}

ThrottleVerdict Elasticity::verdict(BytesPerSecond target, Ratio least, Seconds window) const {
  const auto at_least = dirty_rate(least, window);
  if (!at_least) return ThrottleVerdict::kUnknown;
  const bool is_known = bound_rounds_ > 0 || !binds(least);
  if (is_known && at_least->p05 > target) return ThrottleVerdict::kCannotHelp;
  if (last_limited_ && !last_bound_) return ThrottleVerdict::kNotBinding;
  if (is_known && at_least->p50 <= target) return ThrottleVerdict::kHelps;
  return ThrottleVerdict::kUnknown;
}

}  // namespace godwit::steer
