#include "godwit/forecast/hidden_states.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "godwit/base/statistics.h"

namespace godwit::forecast {
namespace {

using Row = std::vector<double>;

/// In one piece of memory: the passes over thousands of samples are most of what a prediction of a
/// guest in phases costs.
class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns, double value = 0)
      : columns_(columns), values_(rows * columns, value) {}
  std::span<double> operator[](std::size_t row) {
    return std::span(values_).subspan(row * columns_, columns_);
  }
  std::span<const double> operator[](std::size_t row) const {
    return std::span(values_).subspan(row * columns_, columns_);
  }

 private:
  std::size_t columns_ = 0;
  std::vector<double> values_;
};

/// Steps of expectation-maximisation; it mostly stands still after a dozen.
constexpr int kMostSteps = 30;
/// After which the better of two beginnings is gone on with.
constexpr int kStepsToChoose = 3;
/// Gain of ln(likelihood) below which another step is not worth it: far below what BIC asks of a
/// parameter, ln(samples) / 2.
constexpr double kLeastGain = 0.01;
/// A state is at first expected to last that many samples.
constexpr double kFirstDwell = 5;
/// No move is impossible: of a sample, spread over a state's moves.
constexpr double kLeastMove = 0.01;

struct Model {
  Row means;
  double deviation = 1;
  Row start;
  Matrix moves;
};

/// What the samples say of the states, by a model.
struct Belief {
  Matrix state;  ///< of each sample: how likely each state
  Matrix moves;  ///< expected number of moves
  double log_likelihood = 0;
};

double density(const Model& model, std::size_t state, double sample) {
  const double z = (sample - model.means[state]) / model.deviation;
  // Far from all states each is as unlikely as another, not impossible.
  return std::exp(-std::min(z * z / 2, 300.0)) /
         (model.deviation * std::sqrt(2 * std::numbers::pi));
}

void scale(std::span<double> row, double by) {
  for (double& value : row) value /= by;
}

double sum(std::span<const double> row) {
  return std::accumulate(row.begin(), row.end(), 0.0);
}

/// Where the means are before anything is known: `share` is a state's place among them, 0...1.
double by_quantile(std::span<const double> samples, double share) {
  return quantile({samples.begin(), samples.end()}, share);
}
/// For a state that is seldom met, which no quantile lies in.
double by_range(std::span<const double> samples, double share) {
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  return std::lerp(*low, *high, share);
}

Model first_guess(std::span<const double> samples, std::size_t states, double least,
                  double (*place)(std::span<const double>, double)) {
  Model model;
  const double n = static_cast<double>(states);
  for (std::size_t k = 0; k < states; ++k) {
    model.means.push_back(place(samples, (static_cast<double>(k) + 0.5) / n));
  }
  model.deviation = std::max(least, moments_of(samples).deviation / n);
  model.start.assign(states, 1 / n);
  const double leave = states > 1 ? 1 / (kFirstDwell * (n - 1)) : 0;
  model.moves = Matrix(states, states, leave);
  for (std::size_t k = 0; k < states; ++k) model.moves[k][k] = 1 - leave * (n - 1);
  return model;
}

Belief believe(const Model& model, std::span<const double> samples) {
  const std::size_t n = model.means.size();
  const std::size_t length = samples.size();
  Matrix seen(length, n);
  Matrix forward(length, n);
  Row scales(length);
  Belief belief;
  for (std::size_t t = 0; t < length; ++t) {
    for (std::size_t k = 0; k < n; ++k) {
      seen[t][k] = density(model, k, samples[t]);
      double before = t == 0 ? model.start[k] : 0;
      for (std::size_t j = 0; t > 0 && j < n; ++j) before += forward[t - 1][j] * model.moves[j][k];
      forward[t][k] = before * seen[t][k];
    }
    scales[t] = sum(forward[t]);
    scale(forward[t], scales[t]);
    belief.log_likelihood += std::log(scales[t]);
  }
  belief.moves = Matrix(n, n);
  belief.state = forward;
  Row backward(n, 1.0);
  Row earlier(n);
  for (std::size_t t = length - 1; t > 0; --t) {
    std::fill(earlier.begin(), earlier.end(), 0.0);
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < n; ++k) {
        const double way = model.moves[j][k] * seen[t][k] * backward[k] / scales[t];
        earlier[j] += way;
        belief.moves[j][k] += forward[t - 1][j] * way;
      }
    }
    std::swap(backward, earlier);
    for (std::size_t j = 0; j < n; ++j) belief.state[t - 1][j] = forward[t - 1][j] * backward[j];
  }
  return belief;
}

Model improve(Model model, const Belief& belief, std::span<const double> samples, double least) {
  const std::size_t n = model.means.size();
  double square = 0;
  for (std::size_t k = 0; k < n; ++k) {
    double weight = 0;
    double mean = 0;
    for (std::size_t t = 0; t < samples.size(); ++t) {
      weight += belief.state[t][k];
      mean += belief.state[t][k] * samples[t];
    }
    if (weight > 0) model.means[k] = mean / weight;
    for (std::size_t t = 0; t < samples.size(); ++t) {
      square += belief.state[t][k] * std::pow(samples[t] - model.means[k], 2);
    }
    const std::span<double> moves = model.moves[k];
    for (std::size_t j = 0; j < n; ++j) moves[j] = belief.moves[k][j] + kLeastMove;
    scale(moves, sum(moves));
  }
  const std::span<const double> first = belief.state[0];
  model.start.assign(first.begin(), first.end());
  model.deviation = std::max(least, std::sqrt(square / static_cast<double>(samples.size())));
  return model;
}

/// Viterbi's: the likeliest path as a whole.
std::vector<std::size_t> likeliest_path(const Model& model, std::span<const double> samples) {
  const std::size_t n = model.means.size();
  const auto log_of = [](double p) { return std::log(std::max(p, 1e-300)); };
  Row best(n);
  Row next(n);
  std::vector<std::size_t> from(samples.size() * n);
  for (std::size_t t = 0; t < samples.size(); ++t) {
    for (std::size_t k = 0; k < n; ++k) {
      double reach = t == 0 ? log_of(model.start[k]) : -std::numeric_limits<double>::infinity();
      for (std::size_t j = 0; t > 0 && j < n; ++j) {
        const double way = best[j] + log_of(model.moves[j][k]);
        if (way > reach) {
          reach = way;
          from[t * n + k] = j;
        }
      }
      next[k] = reach + log_of(density(model, k, samples[t]));
    }
    std::swap(best, next);
  }
  std::vector<std::size_t> path(samples.size());
  path.back() = static_cast<std::size_t>(std::max_element(best.begin(), best.end()) - best.begin());
  for (std::size_t t = samples.size() - 1; t > 0; --t) path[t - 1] = from[t * n + path[t]];
  return path;
}

/// States by ascending mean.
void put_in_order(Model& model) {
  const std::size_t n = model.means.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&model](std::size_t a, std::size_t b) { return model.means[a] < model.means[b]; });
  const Model old = model;
  for (std::size_t k = 0; k < n; ++k) {
    model.means[k] = old.means[order[k]];
    model.start[k] = old.start[order[k]];
    for (std::size_t j = 0; j < n; ++j) model.moves[k][j] = old.moves[order[k]][order[j]];
  }
}

struct Fitted {
  Model model;
  double log_likelihood = 0;
};

Fitted improve_on(Model model, std::span<const double> samples, double least, int steps) {
  Belief belief = believe(model, samples);
  for (int step = 0; step < steps; ++step) {
    const double before = belief.log_likelihood;
    model = improve(std::move(model), belief, samples, least);
    belief = believe(model, samples);
    if (belief.log_likelihood - before < kLeastGain) break;
  }
  return {std::move(model), belief.log_likelihood};
}

}  // namespace

HiddenStates fit_states(std::span<const double> samples, std::size_t states,
                        double least_deviation) {
  const auto begun = [&](auto place) {
    return improve_on(first_guess(samples, states, least_deviation, place), samples,
                      least_deviation, kStepsToChoose);
  };
  Fitted fitted = begun(by_quantile);
  if (states > 1) {
    Fitted other = begun(by_range);
    if (other.log_likelihood > fitted.log_likelihood) fitted = std::move(other);
  }
  fitted = improve_on(std::move(fitted.model), samples, least_deviation, kMostSteps);
  Model& model = fitted.model;
  put_in_order(model);
  // Means, the deviation, and each state's moves but one, which follows from the others.
  const auto n = static_cast<double>(states);
  const double parameters = n + 1 + n * (n - 1);
  return {.means = model.means,
          .deviation = model.deviation,
          .path = likeliest_path(model, samples),
          .bic = -2 * fitted.log_likelihood +
                 parameters * std::log(static_cast<double>(samples.size()))};
}

HiddenStates find_states(std::span<const double> samples, std::size_t most,
                         double least_deviation) {
  HiddenStates best = fit_states(samples, 1, least_deviation);
  for (std::size_t states = 2; states <= most && states < samples.size(); ++states) {
    HiddenStates next = fit_states(samples, states, least_deviation);
    if (!(next.bic < best.bic)) break;
    best = std::move(next);
  }
  return best;
}

}  // namespace godwit::forecast
