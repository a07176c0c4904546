#include "godwit/train/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "godwit/domain/technique.h"
#include "godwit/learn/features.h"
#include "godwit/learn/host_pair.h"
#include "godwit/learn/reference_twin.h"
#include "godwit/twin/host_pair.h"

namespace godwit::train {
namespace {

using learn::Correction;
using learn::Metric;
using learn::TrainingExample;

/// Fewer examples of a technique teach nothing that the twin does not know.
constexpr std::size_t kFewestExamples = 30;
constexpr std::size_t kFolds = 8;

BoostingOptions boosting_options(std::size_t examples) {
  BoostingOptions options;
  options.trees = 120;
  options.depth = 3;
  options.rate = 0.05;
  options.least_weight = std::max(4.0, static_cast<double>(examples) / 40);
  options.smoothing = 4;
  options.robust = true;
  return options;
}

/// What the twin leaves over: the logarithm of actual over predicted, of one technique and metric.
struct Residuals {
  LabelledRows rows;
  std::vector<double> half_widths;  ///< of the twin's interval, on the same scale
};

Residuals residuals_of(std::span<const TrainingExample> examples, Technique technique,
                       Metric metric) {
  Residuals residuals;
  LabelledRows& rows = residuals.rows;
  for (const std::string_view name : learn::feature_names()) rows.features.emplace_back(name);
  for (const TrainingExample& one : examples) {
    if (one.predicted.technique != technique) continue;
    const auto actual = learn::actual_of(one, metric);
    const auto predicted = learn::value_of(one.predicted, metric);
    if (!actual || !predicted) continue;
    rows.rows.push_back(learn::features_of(one.profile, one.link, one.predicted));
    rows.labels.push_back(learn::to_log_scale(metric, *actual) -
                          learn::to_log_scale(metric, predicted->p50));
    rows.groups.push_back(one.load);
    residuals.half_widths.push_back(learn::half_width_on_log_scale(metric, *predicted));
  }
  return residuals;
}

/// How far off the correction of one example was, in half widths: its nonconformity score.
struct Nonconformity {
  double score = 0;
  std::string load;
};

/// What 90 % of the scores on a load that was not seen stay below. All of k loads count alike, and
/// one more may lie beyond all of them (hierarchical conformal prediction: Lee, Barber, Willett,
/// "Distribution-free inference with hierarchical data", 2023). Of fewer than nine loads no bound
/// is known to do that: then it is the largest score, for k / (k + 1) of what is to come.
double conformal90(std::vector<Nonconformity> all) {
  std::map<std::string, double> of_load;
  for (const Nonconformity& one : all) ++of_load[one.load];
  std::sort(all.begin(), all.end(),
            [](const Nonconformity& a, const Nonconformity& b) { return a.score < b.score; });
  const double loads = static_cast<double>(of_load.size()) + 1;
  double covered = 0;
  for (const Nonconformity& one : all) {
    covered += 1 / (loads * of_load[one.load]);
    if (covered >= 0.9) return one.score;
  }
  return all.back().score;
}

/// Errors on loads that were not trained on.
struct CrossValidation {
  std::vector<Nonconformity> scores;
  double error = 0, twin_error = 0;  ///< means, as in Correction
};

Result<CrossValidation> cross_validate(const Trainer& trainer, const Residuals& residuals) {
  CrossValidation validation;
  const LabelledRows& rows = residuals.rows;
  const auto n = static_cast<double>(rows.size());
  for (const Fold& fold : folds_of(rows.groups, kFolds)) {
    const LabelledRows training = rows_of(rows, fold.training);
    GODWIT_TRY(const auto estimator, trainer.boosting(training, boosting_options(training.size())));
    for (const std::size_t i : fold.test) {
      const double error = std::abs(rows.labels[i] - estimator->predict(rows.rows[i]));
      validation.scores.push_back({error / residuals.half_widths[i], rows.groups[i]});
      validation.error += error / n;
      validation.twin_error += std::abs(rows.labels[i]) / n;
    }
  }
  return validation;
}

/// Nothing where there are too few examples, or all of one load.
Result<std::optional<Correction>> train_correction(const Trainer& trainer,
                                                   std::span<const TrainingExample> examples,
                                                   Technique technique, Metric metric) {
  const Residuals residuals = residuals_of(examples, technique, metric);
  const std::size_t count = residuals.rows.size();
  if (count < kFewestExamples) return std::optional<Correction>();
  GODWIT_TRY(CrossValidation validation, cross_validate(trainer, residuals));
  if (validation.scores.empty()) return std::optional<Correction>();
  Correction correction;
  correction.technique = technique;
  correction.metric = metric;
  correction.examples = count;
  correction.spread = conformal90(std::move(validation.scores));
  correction.error = validation.error;
  correction.twin_error = validation.twin_error;
  GODWIT_TRY(correction.estimator, trainer.boosting(residuals.rows, boosting_options(count)));
  return std::optional(std::move(correction));
}

twin::HostPairConstants pair_of(std::span<const TrainingExample> examples) {
  std::vector<learn::PairSample> samples;
  for (const TrainingExample& one : examples) {
    if (!one.total_time || !one.transferred) continue;
    samples.push_back({&one.profile, one.predicted.technique, one.predicted.parameters, one.link,
                       *one.total_time, one.downtime, *one.transferred});
  }
  return learn::learn_pair(samples);
}

/// As a twin predicts them that knows the pair; without those that it does not expect to complete.
std::vector<TrainingExample> predicted_again(std::span<const TrainingExample> examples,
                                             const twin::HostPairConstants& pair) {
  std::vector<TrainingExample> all;
  for (const TrainingExample& one : examples) {
    const auto predictor = learn::reference_twin(one.profile, one.link, pair);
    if (!predictor) continue;
    auto predicted = predictor->predict(one.predicted.technique, one.predicted.parameters);
    if (!predicted || !predicted->converges) continue;
    all.push_back(one);
    all.back().predicted = std::move(*predicted);
  }
  return all;
}

}  // namespace

Result<learn::LearntModel> train_model(const Trainer& trainer,
                                       std::span<const TrainingExample> examples,
                                       std::string source) {
  learn::LearntModel::Parts model;
  model.source = std::move(source);
  model.pair = pair_of(examples);
  const std::vector<TrainingExample> of_pair = predicted_again(examples, model.pair);
  model.examples = of_pair.size();
  for (const Technique technique : learn::techniques_of(of_pair)) {
    for (const Metric metric : learn::learnt_metrics()) {
      GODWIT_TRY(auto correction, train_correction(trainer, of_pair, technique, metric));
      if (correction) model.corrections.push_back(std::move(*correction));
    }
  }
  if (model.corrections.empty()) {
    return fail(ErrorCode::kBadInput,
                fmt::format("{} migrations are too few to learn from", of_pair.size()),
                fmt::format("it takes {} of one technique, of two loads or more, whose profiles "
                            "say what lies at the end of RAM",
                            kFewestExamples));
  }
  model.domain = learn::domain_of(of_pair);
  return learn::LearntModel(std::move(model));
}

}  // namespace godwit::train
