#include "godwit/forecast/ewma.h"

#include <algorithm>
#include <cmath>

#include "series.h"

#include "godwit/base/statistics.h"

namespace godwit::forecast {
namespace {

constexpr std::size_t kStartSamples = 5;  // section 4.1: "the mean of the previous 5 samples"

double smoothing(std::size_t count) {
  return 2.0 / (static_cast<double>(count) + 1);  // eq. (5)
}

double start_value(std::span<const double> samples, std::size_t count) {
  const std::size_t before = samples.size() - count;
  if (before == 0) return mean_of(samples.first(std::min(kStartSamples, count)));
  const std::size_t used = std::min(kStartSamples, before);
  return mean_of(samples.subspan(before - used, used));
}

/// Adds the 90 % interval of the mean over `path`: the level's own error and the mean of the noise
/// to come. `sigma` is the deviation of a sample from the level before it, which holds both.
Interval<double> mean_interval(const std::vector<double>& path, double sigma, double alpha) {
  const double level_share = alpha / (2 - alpha);  // variance of an EWMA of white noise
  const double noise_variance = sigma * sigma / (1 + level_share);
  const double variance = noise_variance * (level_share + 1.0 / static_cast<double>(path.size()));
  const double mean = mean_of(path);
  const double half = kNormal95 * std::sqrt(variance);
  return {.p50 = mean, .p05 = std::max(0.0, mean - half), .p95 = mean + half};
}

/// Root mean square of sample - the EWMA before it.
double one_step_error(std::span<const double> recent, const std::vector<double>& level,
                      double start) {
  double sum = 0;
  for (std::size_t i = 0; i < recent.size(); ++i) {
    const double error = recent[i] - (i == 0 ? start : level[i - 1]);
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(recent.size()));
}

struct Line {
  double slope = 0;      // a
  double intercept = 0;  // b
};

/// Least squares of values[i] on t = i + 1.
Line regression(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double t_mean = (n + 1) / 2;
  const double y_mean = mean_of(values);
  double covariance = 0;
  double variance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double t = static_cast<double>(i) + 1 - t_mean;
    covariance += t * (values[i] - y_mean);
    variance += t * t;
  }
  const double slope = variance > 0 ? covariance / variance : 0;
  return {slope, y_mean - slope * t_mean};
}

}  // namespace

Result<std::vector<double>> ewma(std::span<const double> samples, std::size_t count) {
  GODWIT_CHECK_OK(check_samples(samples, count));
  const double alpha = smoothing(count);
  double level = start_value(samples, count);
  std::vector<double> levels;
  levels.reserve(count);
  for (const double sample : samples.last(count)) {
    level = alpha * sample + (1 - alpha) * level;  // eq. (6)
    levels.push_back(level);
  }
  return levels;
}

Result<Forecast> forecast_ewma(std::span<const double> samples, std::size_t count,
                               std::size_t horizon) {
  GODWIT_CHECK_OK(check_horizon(horizon));
  GODWIT_TRY(const std::vector<double> levels, ewma(samples, count));
  Forecast forecast;
  forecast.path.assign(horizon, levels.back());
  const double sigma = one_step_error(samples.last(count), levels, start_value(samples, count));
  forecast.mean = mean_interval(forecast.path, sigma, smoothing(count));
  return forecast;
}

Result<Forecast> forecast_trend(std::span<const double> samples, std::size_t count,
                                std::size_t horizon) {
  GODWIT_CHECK_OK(check_horizon(horizon));
  GODWIT_TRY(const std::vector<double> levels, ewma(samples, count));
  const std::span<const double> recent = samples.last(count);
  const Line line = regression(levels);
  Forecast forecast;
  forecast.path.reserve(horizon);
  for (std::size_t i = 0; i < horizon; ++i) {
    const double t = static_cast<double>(count + i) + 1;
    const std::size_t j = i % count;
    const double noise = levels[j] > 0 ? recent[j] / levels[j] : 1;                     // eq. (7)
    forecast.path.push_back(std::max(0.0, (line.slope * t + line.intercept) * noise));  // eq. (9)
  }
  const double sigma = one_step_error(recent, levels, start_value(samples, count));
  forecast.mean = mean_interval(forecast.path, sigma, smoothing(count));
  return forecast;
}

}  // namespace godwit::forecast
