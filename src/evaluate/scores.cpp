#include "godwit/evaluate/scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "godwit/base/statistics.h"

namespace godwit::evaluate {
namespace {

/// Student's t, one-sided 95 %, by degrees of freedom from 1 on; beyond, by its expansion around
/// the normal quantile (Abramowitz and Stegun, 26.7.5, two terms: right to 0.001 from 11 on).
double student_t95(std::size_t freedom) {
  constexpr std::array kTable{6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812};
  if (freedom <= kTable.size()) return kTable[freedom - 1];
  constexpr double z = kNormal95;
  return z + (z * z * z + z) / (4 * static_cast<double>(freedom));
}

/// Keys in the order in which they first appeared.
template <class T>
std::size_t rank_of(std::vector<T>& known, const T& key) {
  const auto found = std::find(known.begin(), known.end(), key);
  const auto rank = static_cast<std::size_t>(found - known.begin());
  if (rank == known.size()) known.push_back(key);
  return rank;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Score score_of(const std::vector<const EvaluatedPrediction*>& group, const std::string& technique) {
  Score score;
  score.model = group.front()->model;
  score.technique = technique;
  score.metric = group.front()->metric;
  score.n = group.size();
  std::vector<double> absolute;
  std::vector<double> relative;
  std::vector<double> widths;
  std::vector<double> relative_widths;
  std::size_t inside = 0;
  for (const EvaluatedPrediction* one : group) {
    absolute.push_back(std::abs(one->predicted.value.p50 - one->actual));
    if (one->actual > 0) relative.push_back(absolute.back() / one->actual);
    if (!one->predicted.has_interval) continue;
    widths.push_back(one->predicted.value.p95 - one->predicted.value.p05);
    if (one->actual > 0) relative_widths.push_back(widths.back() / one->actual);
    if (one->predicted.value.p05 <= one->actual && one->actual <= one->predicted.value.p95)
      ++inside;
  }
  score.mean_abs = mean(absolute);
  score.median_abs = quantile(absolute, 0.5);
  score.p90_abs = quantile(absolute, 0.9);
  if (relative.size() == group.size()) {
    score.mean_rel = mean(relative);
    score.median_rel = quantile(relative, 0.5);
    score.p90_rel = quantile(relative, 0.9);
  }
  if (widths.empty()) return score;
  score.coverage90 = static_cast<double>(inside) / static_cast<double>(widths.size());
  score.width90_abs = quantile(widths, 0.5);
  if (relative_widths.size() == widths.size()) score.width90_rel = quantile(relative_widths, 0.5);
  return score;
}

/// Sums, for now.
void note_bin(VerdictScore& score, const EvaluatedVerdict& one) {
  const auto bin = static_cast<std::size_t>(one.probability * kCalibrationBins);
  CalibrationBin& of = score.calibration[std::min(bin, kCalibrationBins - 1)];
  ++of.n;
  of.said += one.probability;
  of.came += one.actual ? 1 : 0;
}

}  // namespace

double unit_of(Metric metric) {
  return is_downtime(metric) ? 1e3 : 1;
}

bool is_relative(Metric metric) {
  return !is_downtime(metric) && metric != Metric::kSlowdown;
}

std::string error_text(Metric metric, double error) {
  if (is_downtime(metric)) return fmt::format("{:.0f} ms", error);
  if (is_relative(metric)) return fmt::format("{:.1f} %", error * 100);
  return fmt::format("{:.1f} points", error * 100);
}

std::vector<Score> score_by_load(std::span<const EvaluatedPrediction> predictions) {
  std::vector<EvaluatedPrediction> by_load;
  for (const EvaluatedPrediction& one : predictions) {
    if (one.load.empty()) continue;
    by_load.push_back(one);
    by_load.back().technique = one.load;
  }
  return score(by_load);
}

std::optional<Expected> without_interval(std::optional<double> value) {
  if (!value) return std::nullopt;
  return Expected{{*value, *value, *value}, false};
}

std::optional<Expected> expected_next(std::span<const double> seen) {
  if (seen.empty()) return std::nullopt;
  const double median = quantile({seen.begin(), seen.end()}, 0.5);
  if (seen.size() == 1) return without_interval(median);
  const auto n = static_cast<double>(seen.size());
  double mean = 0;
  for (const double value : seen) mean += std::log(value) / n;
  double variance = 0;
  for (const double value : seen) variance += std::pow(std::log(value) - mean, 2) / (n - 1);
  const double reach = student_t95(seen.size() - 1) * std::sqrt(variance * (1 + 1 / n));
  return Expected{
      {median, std::min(median, std::exp(mean - reach)), std::max(median, std::exp(mean + reach))},
      true};
}

std::vector<Score> score(std::span<const EvaluatedPrediction> predictions) {
  using Key = std::array<std::size_t, 3>;  // ranks of metric, technique, model
  std::vector<Metric> metrics;
  std::vector<std::string> techniques{"all"};
  std::vector<std::string> models;
  std::map<Key, std::vector<const EvaluatedPrediction*>> groups;
  for (const EvaluatedPrediction& one : predictions) {
    const std::size_t metric = rank_of(metrics, one.metric);
    const std::size_t model = rank_of(models, one.model);
    groups[{metric, 0, model}].push_back(&one);
    groups[{metric, rank_of(techniques, one.technique), model}].push_back(&one);
  }
  std::vector<Score> scores;
  for (const auto& [key, group] : groups) scores.push_back(score_of(group, techniques[key[1]]));
  return scores;
}

std::vector<VerdictScore> score(std::span<const EvaluatedVerdict> verdicts) {
  std::vector<std::string> models;
  std::vector<VerdictScore> scores;
  for (const EvaluatedVerdict& one : verdicts) {
    const std::size_t rank = rank_of(models, one.model);
    if (rank == scores.size()) scores.push_back({.model = one.model});
    VerdictScore& score = scores[rank];
    ++score.n;
    if ((one.probability >= 0.5) != one.actual) ++score.wrong;
    const double missed = one.actual ? 1 - one.probability : one.probability;
    score.brier += missed * missed;
    score.log_loss -= std::log(std::max(1 - missed, kLeastSaid));
    note_bin(score, one);
  }
  for (VerdictScore& score : scores) {
    score.brier /= static_cast<double>(score.n);
    score.log_loss /= static_cast<double>(score.n);
    for (CalibrationBin& bin : score.calibration) {
      if (bin.n == 0) continue;
      bin.said /= static_cast<double>(bin.n);
      bin.came /= static_cast<double>(bin.n);
    }
  }
  return scores;
}

}  // namespace godwit::evaluate
