#include "godwit/forecast/autoregressive.h"

#include <algorithm>
#include <cmath>

#include "series.h"

#include "godwit/base/statistics.h"

namespace godwit::forecast {
namespace {

/// A share of 1 would never return to the mean: the variance would grow without bound.
constexpr double kMostPersistent = 0.99;

struct Ar1 {
  double mean = 0;
  double share = 0;  ///< of the distance from the mean that is kept
  double sigma = 0;  ///< deviation of the noise
};

Ar1 fitted(std::span<const double> samples) {
  Ar1 model{.mean = mean_of(samples)};
  double lagged = 0;
  double squares = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    lagged += (samples[i] - model.mean) * (samples[i - 1] - model.mean);
    squares += std::pow(samples[i - 1] - model.mean, 2);
  }
  if (squares > 0) model.share = std::clamp(lagged / squares, -kMostPersistent, kMostPersistent);
  double errors = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const double expected = model.mean + model.share * (samples[i - 1] - model.mean);
    errors += std::pow(samples[i] - expected, 2);
  }
  if (samples.size() > 2) model.sigma = std::sqrt(errors / static_cast<double>(samples.size() - 2));
  return model;
}

/// Deviation of the mean over the horizon: a noise that comes m steps before its end adds
/// 1 + share + ... + share^(m-1) of itself to the sum. The mean of the series is itself known from
/// `samples` draws only, as far as they are independent.
double deviation(const Ar1& model, std::size_t samples, std::size_t horizon) {
  double variance = 0;
  double reach = 0;
  double power = 1;
  for (std::size_t m = 1; m <= horizon; ++m) {
    reach += power;
    power *= model.share;
    variance += reach * reach;
  }
  const auto h = static_cast<double>(horizon);
  const double of_mean =
      std::pow(model.sigma / (1 - model.share), 2) / static_cast<double>(samples);
  return std::sqrt(model.sigma * model.sigma * variance / (h * h) + of_mean);
}

}  // namespace

Result<Forecast> forecast_ar1(std::span<const double> samples, std::size_t horizon) {
  GODWIT_CHECK_OK(check_horizon(horizon));
  GODWIT_CHECK_OK(check_samples(samples, std::max<std::size_t>(samples.size(), 1)));
  const Ar1 model = fitted(samples);
  Forecast forecast;
  double away = samples.back() - model.mean;
  for (std::size_t i = 0; i < horizon; ++i) {
    away *= model.share;
    forecast.path.push_back(std::max(0.0, model.mean + away));
  }
  const double mean = mean_of(forecast.path);
  const double half = kNormal95 * deviation(model, samples.size(), horizon);
  forecast.mean = {.p50 = mean, .p05 = std::max(0.0, mean - half), .p95 = mean + half};
  return forecast;
}

}  // namespace godwit::forecast
