#include "godwit/learn/drift.h"

#include <cmath>
#include <vector>

#include "godwit/base/statistics.h"

namespace godwit::learn {
namespace {

constexpr std::size_t kMost = 20;
constexpr std::size_t kFewest = 6;
constexpr double kNominal = 0.9;
constexpr double kTooRare = 0.01;

/// That of `n` intervals of 90 % at most `held` hold: the binomial distribution's lower tail.
double chance_of(std::size_t held, std::size_t n) {
  double term = std::pow(1 - kNominal, static_cast<double>(n));
  double sum = 0;
  for (std::size_t k = 0; k <= held; ++k) {
    sum += term;
    term *= static_cast<double>(n - k) / static_cast<double>(k + 1) * kNominal / (1 - kNominal);
  }
  return sum;
}

}  // namespace

std::optional<Drift> drift_of(std::span<const OutcomeRecord> newest_first) {
  Drift drift;
  std::vector<double> ratios;
  for (const OutcomeRecord& record : newest_first) {
    const MigrationOutcome& outcome = record.outcome;
    if (outcome.status != OutcomeStatus::kCompleted || !record.predicted || !outcome.total_time) {
      continue;
    }
    if (was_steered(outcome)) continue;
    const TechniquePrediction* const said = find(*record.predicted, outcome.technique);
    if (said == nullptr || !said->total_time) continue;
    const Interval<Seconds>& time = *said->total_time;
    ++drift.migrations;
    if (time.p05 <= *outcome.total_time && *outcome.total_time <= time.p95) ++drift.held;
    ratios.push_back(*outcome.total_time / time.p50);
    if (drift.migrations == kMost) break;
  }
  if (drift.migrations < kFewest) return std::nullopt;
  if (chance_of(drift.held, drift.migrations) >= kTooRare) return std::nullopt;
  drift.bias = quantile(std::move(ratios), 0.5) - 1;
  return drift;
}

}  // namespace godwit::learn
