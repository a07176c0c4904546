#include <functional>
#include <set>

#include "godwit/forecast/autoregressive.h"
#include "godwit/forecast/ewma.h"
#include "godwit/forecast/markov.h"
#include "godwit/learn/evaluation.h"

namespace godwit::learn {
namespace {

using dataset::Trace;
using forecast::Forecast;
using Series = std::span<const double>;

/// Samples that a forecast may use: Ramanathan's N, and those that its EWMA starts from.
constexpr std::size_t kCount = 30;
constexpr std::size_t kBefore = kCount + 5;
constexpr std::size_t kStates = 5;

struct Method {
  const char* name;
  std::function<Result<Forecast>(Series, std::size_t)> forecast;
};

const std::vector<Method>& methods() {
  static const std::vector<Method> all{
      {"last",
       [](Series s, std::size_t) -> Result<Forecast> {
         return Forecast{{s.back(), s.back(), s.back()}, {}};
       }},
      {"ewma", [](Series s, std::size_t n) { return forecast::forecast_ewma(s, kCount, n); }},
      {"ewma+trend",
       [](Series s, std::size_t n) { return forecast::forecast_trend(s, kCount, n); }},
      {"ar1", [](Series s, std::size_t n) { return forecast::forecast_ar1(s.last(kCount), n); }},
      {"markov", [](Series s, std::size_t n) {
         return forecast::forecast_markov(s.last(kCount), kStates, n);
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

}  // namespace

Evaluation evaluate_forecasts(std::span<const Trace> traces, std::size_t ahead) {
  Evaluation evaluation;
  evaluation.split = "each from the syncs before it";
  std::set<std::string> scenarios;
  for (const Trace& trace : traces) {
    const std::vector<double> rates = rates_at_syncs(trace);
    const Series all(rates);
    for (std::size_t now = kBefore; now + ahead <= rates.size(); ++now) {
      const double actual = mean_of(all.subspan(now, ahead));
      for (const Method& method : methods()) {
        const auto said = method.forecast(all.first(now), ahead);
        if (!said) continue;
        const bool has_interval = said->mean.p05 < said->mean.p95;
        evaluation.judged.push_back(
            {method.name, trace.scenario, Metric::kDirtyRate, {said->mean, has_interval}, actual});
      }
      scenarios.insert(trace.scenario);
    }
    if (rates.size() >= kBefore + ahead) ++evaluation.migrations;
  }
  evaluation.loads = scenarios.size();
  return evaluation;
}

}  // namespace godwit::learn
