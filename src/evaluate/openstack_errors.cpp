#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "godwit/base/statistics.h"
#include "godwit/evaluate/evaluation.h"
#include "godwit/train/trainer.h"

namespace godwit::evaluate {
namespace {

using train::LabelledRows;
using train::Trainer;

constexpr double kTrainingShare = 0.8;
/// Both found on the training rows alone, the last fifth of them kept apart.
train::BoostingOptions boosting_options() {
  train::BoostingOptions options;
  options.trees = 100;
  options.depth = 6;
  options.rate = 0.1;
  options.columns_per_tree = 0.5;
  return options;
}
constexpr train::SvrOptions kSvr{1, 0.1, 0.1};

/// Runs in the file's order: each is its own group, and nothing is known of loads.
LabelledRows rows_of(const dataset::MonitoredRuns& all, std::size_t from, std::size_t to,
                     Seconds dataset::MonitoredRun::*label) {
  LabelledRows rows;
  rows.features = all.features;
  for (std::size_t i = from; i < to; ++i) {
    rows.rows.push_back(all.runs[i].features);
    rows.labels.push_back((all.runs[i].*label).count());
    rows.groups.push_back(std::to_string(i));
  }
  return rows;
}

/// Trained on logarithms where relative errors count; errors of downtimes are absolute.
Result<void> evaluate_metric(const Trainer& trainer, const dataset::MonitoredRuns& all,
                             Metric metric, Seconds dataset::MonitoredRun::*label,
                             Evaluation& evaluation) {
  const auto split =
      static_cast<std::size_t>(kTrainingShare * static_cast<double>(all.runs.size()));
  LabelledRows training = rows_of(all, 0, split, label);
  const LabelledRows test = rows_of(all, split, all.runs.size(), label);
  const double unit = unit_of(metric);
  const bool relative = is_relative(metric);
  const double median = quantile(training.labels, 0.5);
  if (relative) {
    for (double& value : training.labels) value = std::log(value);
  }
  GODWIT_TRY(const auto boosted, trainer.boosting(training, boosting_options()));
  GODWIT_TRY(const auto svr, trainer.svr(training, kSvr));
  const auto note = [&](const char* model, double said, double actual) {
    evaluation.predictions.push_back(
        {model, "precopy", metric, *without_interval(said * unit), actual * unit, {}});
  };
  const auto plain = [&](double value) {
    return relative ? std::exp(value) : std::max(0.0, value);
  };
  for (std::size_t i = 0; i < test.size(); ++i) {
    note("median", median, test.labels[i]);
    note("svr", plain(svr->predict(test.rows[i])), test.labels[i]);
    note("boost", plain(boosted->predict(test.rows[i])), test.labels[i]);
  }
  return {};
}

}  // namespace

Result<Evaluation> evaluate_openstack(const Trainer& trainer, const dataset::MonitoredRuns& runs) {
  Evaluation evaluation;
  evaluation.split = "learnt from the first 80 % of the rows, judged on the rest";
  evaluation.migrations = runs.runs.size();
  if (runs.runs.size() < 10) {
    return fail(ErrorCode::kBadInput, "too few migrations to learn from and to judge by");
  }
  GODWIT_CHECK_OK(evaluate_metric(trainer, runs, Metric::kTotalTime,
                                  &dataset::MonitoredRun::total_time, evaluation));
  GODWIT_CHECK_OK(evaluate_metric(trainer, runs, Metric::kDowntimeProbe,
                                  &dataset::MonitoredRun::downtime, evaluation));
  return evaluation;
}

}  // namespace godwit::evaluate
