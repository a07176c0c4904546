#include <algorithm>
#include <cmath>
#include <string>

#include "godwit/base/statistics.h"
#include "godwit/learn/estimator.h"
#include "godwit/evaluate/evaluation.h"

namespace godwit::evaluate {
namespace {

constexpr double kTrainingShare = 0.8;
/// Both found on the training rows alone, the last fifth of them kept apart.
learn::BoostingOptions boosting() {
  learn::BoostingOptions options;
  options.trees = 100;
  options.depth = 6;
  options.rate = 0.1;
  options.columns_per_tree = 0.5;
  return options;
}
constexpr learn::SvrOptions kSvr{1, 0.1, 0.1};

/// Runs in the file's order: each is its own group, and nothing is known of loads.
learn::Samples samples_of(const dataset::MonitoredRuns& all, std::size_t from, std::size_t to,
                   Seconds dataset::MonitoredRun::*target) {
  learn::Samples samples;
  samples.features = all.features;
  for (std::size_t i = from; i < to; ++i) {
    samples.rows.push_back(all.runs[i].features);
    samples.targets.push_back((all.runs[i].*target).count());
    samples.groups.push_back(std::to_string(i));
  }
  return samples;
}

/// Of the logarithm where relative errors count; downtimes are judged by absolute ones.
Result<void> judge(const dataset::MonitoredRuns& all, Metric metric,
                   Seconds dataset::MonitoredRun::*target, Evaluation& evaluation) {
  const auto split =
      static_cast<std::size_t>(kTrainingShare * static_cast<double>(all.runs.size()));
  learn::Samples training = samples_of(all, 0, split, target);
  const learn::Samples judged = samples_of(all, split, all.runs.size(), target);
  const double unit = unit_of(metric);
  const bool relative = is_relative(metric);
  const double median = quantile(training.targets, 0.5);
  if (relative) {
    for (double& value : training.targets) value = std::log(value);
  }
  GODWIT_TRY(const auto boosted, learn::train_boosting(training, boosting()));
  GODWIT_TRY(const auto svr, learn::train_svr(training, kSvr));
  const auto note = [&](const char* model, double said, double actual) {
    evaluation.judged.push_back(
        {model, "precopy", metric, *without_interval(said * unit), actual * unit, {}});
  };
  const auto plain = [&](double value) {
    return relative ? std::exp(value) : std::max(0.0, value);
  };
  for (std::size_t i = 0; i < judged.size(); ++i) {
    note("median", median, judged.targets[i]);
    note("svr", plain(svr->predict(judged.rows[i])), judged.targets[i]);
    note("boost", plain(boosted->predict(judged.rows[i])), judged.targets[i]);
  }
  return {};
}

}  // namespace

Result<Evaluation> evaluate_openstack(const dataset::MonitoredRuns& runs) {
  Evaluation evaluation;
  evaluation.split = "learnt from the first 80 % of the rows, judged on the rest";
  evaluation.migrations = runs.runs.size();
  if (runs.runs.size() < 10) {
    return fail(ErrorCode::kBadInput, "too few migrations to learn from and to judge by");
  }
  GODWIT_CHECK_OK(judge(runs, Metric::kTotalTime, &dataset::MonitoredRun::total_time, evaluation));
  GODWIT_CHECK_OK(
      judge(runs, Metric::kDowntimeProbe, &dataset::MonitoredRun::downtime, evaluation));
  return evaluation;
}

}  // namespace godwit::evaluate
