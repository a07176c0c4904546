#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <set>

#include "godwit/evaluate/evaluation.h"
#include "godwit/forecast/autoregressive.h"
#include "godwit/forecast/ewma.h"
#include "godwit/forecast/markov.h"

namespace godwit::evaluate {
namespace {

using dataset::Trace;
using forecast::Forecast;
using Series = std::span<const double>;

/// Samples that a forecast may use: Ramanathan's N, and those that its EWMA starts from.
constexpr std::size_t kCount = 30;
constexpr std::size_t kStart = 5;
constexpr std::size_t kStates = 5;

struct Method {
  const char* name;
  /// From the last so many samples, and those before them, so many ahead.
  std::function<Result<Forecast>(Series, std::size_t, std::size_t)> forecast;
};

const std::vector<Method>& methods() {
  static const std::vector<Method> all{
      {"last",
       [](Series s, std::size_t, std::size_t) -> Result<Forecast> {
         return Forecast{{s.back(), s.back(), s.back()}, {}};
       }},
      {"ewma", [](Series s, std::size_t n,
                  std::size_t ahead) { return forecast::forecast_ewma(s, n, ahead); }},
      {"ewma+trend", [](Series s, std::size_t n,
                        std::size_t ahead) { return forecast::forecast_trend(s, n, ahead); }},
      {"ar1", [](Series s, std::size_t n,
                 std::size_t ahead) { return forecast::forecast_ar1(s.last(n), ahead); }},
      {"markov", [](Series s, std::size_t n, std::size_t ahead) {
         return forecast::forecast_markov(s.last(n), kStates, ahead);
       }}};
  return all;
}

/// What QEMU said of the dirty rate at each sync.
std::vector<double> rates_at_syncs(const Trace& trace) {
  std::vector<double> rates;
  std::optional<std::int64_t> before;
  for (const dataset::TraceSample& sample : trace.samples) {
    const bool synced = sample.syncs && sample.syncs != before;
    before = sample.syncs;
    if (synced && sample.dirty_pages_per_s.value_or(0) > 0)
      rates.push_back(*sample.dirty_pages_per_s);
  }
  return rates;
}

double mean_of(Series series) {
  double sum = 0;
  for (const double value : series) sum += value;
  return sum / static_cast<double>(series.size());
}

/// At each sample that has enough before it and after it.
void evaluate(const std::string& name, Series all, std::size_t count, std::size_t ahead,
              Evaluation& evaluation) {
  for (std::size_t now = count + kStart; now + ahead <= all.size(); ++now) {
    const double actual = mean_of(all.subspan(now, ahead));
    for (const Method& method : methods()) {
      const auto said = method.forecast(all.first(now), count, ahead);
      if (!said) continue;
      const bool has_interval = said->mean.p05 < said->mean.p95;
      evaluation.predictions.push_back(
          {method.name, name, Metric::kDirtyRate, {said->mean, has_interval}, actual, {}});
    }
  }
}

}  // namespace

Evaluation evaluate_dirty_rates(std::span<const dataset::DirtyRates> all,
                                std::span<const Seconds> horizons) {
  Evaluation evaluation;
  evaluation.split = "each from as many samples before it as are forecast";
  for (const dataset::DirtyRates& one : all) {
    for (const Seconds horizon : horizons) {
      const auto ahead = static_cast<std::size_t>(std::lround(horizon / one.period));
      if (ahead == 0) continue;
      evaluate(fmt::format("{} at {:g} s", one.load, horizon.count()), one.bytes_per_s, ahead,
               ahead, evaluation);
    }
  }
  evaluation.loads = all.size();
  return evaluation;
}

Evaluation evaluate_forecasts(std::span<const Trace> traces, std::size_t ahead) {
  Evaluation evaluation;
  evaluation.split = "each from the syncs before it";
  std::set<std::string> scenarios;
  for (const Trace& trace : traces) {
    const std::vector<double> rates = rates_at_syncs(trace);
    if (rates.size() < kCount + kStart + ahead) continue;
    evaluate(trace.scenario, rates, kCount, ahead, evaluation);
    scenarios.insert(trace.scenario);
    ++evaluation.migrations;
  }
  evaluation.loads = scenarios.size();
  return evaluation;
}

}  // namespace godwit::evaluate
