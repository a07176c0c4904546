#include "godwit/forecast/markov.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "series.h"

#include "godwit/base/statistics.h"

namespace godwit::forecast {
namespace {

using Row = std::vector<double>;

struct Chain {
  Row values;              ///< of each level
  std::vector<Row> moves;  ///< probabilities, from the first index to the second
  std::size_t last = 0;    ///< level of the last sample
};

/// Upper bounds of levels that hold about equally many samples, all different. states <= samples.
Row bounds_of(std::span<const double> samples, std::size_t states) {
  Row sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  Row bounds;
  for (std::size_t k = 1; k <= states; ++k) {
    const double bound = sorted[sorted.size() * k / states - 1];
    if (bounds.empty() || bound > bounds.back()) bounds.push_back(bound);
  }
  return bounds;
}

std::size_t level_of(const Row& bounds, double sample) {
  const auto found = std::lower_bound(bounds.begin(), bounds.end(), sample);
  return static_cast<std::size_t>(std::min(found, bounds.end() - 1) - bounds.begin());
}

Chain chain_of(std::span<const double> samples, std::size_t states) {
  const Row bounds = bounds_of(samples, states);
  const std::size_t n = bounds.size();
  Chain chain{Row(n), std::vector<Row>(n, Row(n, 1.0 / static_cast<double>(n))), 0};
  Row count(n);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::size_t level = level_of(bounds, samples[i]);
    chain.values[level] += samples[i];
    ++count[level];
    if (i > 0) chain.moves[chain.last][level] += 1;
    chain.last = level;
  }
  for (std::size_t level = 0; level < n; ++level) {
    if (count[level] > 0) chain.values[level] /= count[level];
    Row& row = chain.moves[level];
    const double all = mean_of(row) * static_cast<double>(n);
    for (double& share : row) share /= all;
  }
  return chain;
}

/// What is expected one step later, for each level of now.
Row expected(const Chain& chain, const Row& values) {
  Row before(values.size());
  for (std::size_t from = 0; from < values.size(); ++from) {
    for (std::size_t to = 0; to < values.size(); ++to)
      before[from] += chain.moves[from][to] * values[to];
  }
  return before;
}

/// First and second moment of the sum over the steps to come, by level: with m steps to go,
/// S_m = v(X) + S_(m-1) from X on.
struct Moments {
  Row sum;
  Row square;
};

Moments moments_of_sum(const Chain& chain, std::size_t horizon) {
  const std::size_t n = chain.values.size();
  Moments m{Row(n), Row(n)};
  for (std::size_t step = 0; step < horizon; ++step) {
    Row sum(n);
    Row square(n);
    for (std::size_t level = 0; level < n; ++level) {
      const double v = chain.values[level];
      sum[level] = v + m.sum[level];
      square[level] = v * v + 2 * v * m.sum[level] + m.square[level];
    }
    m = {expected(chain, sum), expected(chain, square)};
  }
  return m;
}

}  // namespace

Result<Forecast> forecast_markov(std::span<const double> samples, std::size_t states,
                                 std::size_t horizon) {
  GODWIT_CHECK_OK(check_horizon(horizon));
  GODWIT_CHECK_OK(check_samples(samples, std::max<std::size_t>(samples.size(), 1)));
  if (states == 0) {
    return fail(ErrorCode::kBadInput, "a Markov chain without a state", "ask for at least one");
  }
  const Chain chain = chain_of(samples, std::min(states, samples.size()));
  Forecast forecast;
  Row ahead = chain.values;
  for (std::size_t i = 0; i < horizon; ++i) {
    ahead = expected(chain, ahead);
    forecast.path.push_back(ahead[chain.last]);
  }
  const Moments sum = moments_of_sum(chain, horizon);
  const auto h = static_cast<double>(horizon);
  const double mean = sum.sum[chain.last] / h;
  const double variance = std::max(0.0, sum.square[chain.last] / (h * h) - mean * mean);
  const double half = kNormal95 * std::sqrt(variance);
  forecast.mean = {.p50 = mean, .p05 = std::max(0.0, mean - half), .p95 = mean + half};
  return forecast;
}

}  // namespace godwit::forecast
