#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/evaluate/evaluation.h"
#include "godwit/learn/features.h"
#include "godwit/learn/learnt_model.h"
#include "godwit/learn/reference_twin.h"
#include "godwit/learn/training_example.h"
#include "godwit/train/model.h"
#include "godwit/train/selection.h"

/// Errors of what is trained, on loads that it was not trained on.

namespace godwit::evaluate {
namespace {

using learn::LearntModel;
using learn::TrainingExample;
using train::Fold;
using train::LabelledRows;
using train::Trainer;

constexpr std::size_t kFolds = 8;
/// Fewer rows of a technique are not trained on.
constexpr std::size_t kFewestRows = 12;

/// What all evaluations below work with.
struct Work {
  const Trainer& trainer;
  std::span<const TrainingExample> examples;
  Evaluation& evaluation;

  void note(const std::string& model, std::size_t example, Metric metric, const Expected& said) {
    const TrainingExample& one = examples[example];
    const double unit = unit_of(metric);
    Expected scaled = said;
    scaled.value = {said.value.p50 * unit, said.value.p05 * unit, said.value.p95 * unit};
    evaluation.predictions.push_back({model, to_string(one.predicted.technique), metric, scaled,
                                      *learn::actual_of(one, metric) * unit, one.load, one.run});
  }
};

// --- estimators of the plain value, for one technique and metric ---

/// Its values as labels, and which example each is of.
struct MetricRows {
  LabelledRows labelled;
  std::vector<std::size_t> examples;
};

MetricRows rows_of(std::span<const TrainingExample> examples, const std::vector<std::size_t>& which,
                   Technique technique, Metric metric) {
  MetricRows rows;
  for (const std::string_view name : learn::feature_names()) {
    rows.labelled.features.emplace_back(name);
  }
  for (const std::size_t i : which) {
    const TrainingExample& one = examples[i];
    const auto actual = learn::actual_of(one, metric);
    if (one.predicted.technique != technique || !actual) continue;
    rows.labelled.rows.push_back(learn::features_of(one.profile, one.link, one.predicted));
    rows.labelled.labels.push_back(*actual);
    rows.labelled.groups.push_back(one.load);
    rows.examples.push_back(i);
  }
  return rows;
}

/// All that is not said by the twin.
std::vector<std::string> profile_features() {
  std::vector<std::string> features;
  for (const std::string_view name : learn::feature_names()) {
    if (!name.starts_with("twin_")) features.emplace_back(name);
  }
  return features;
}

Result<void> evaluate_svr(const MetricRows& training, const MetricRows& test,
                          const std::string& model, const std::vector<std::string>& features,
                          Metric metric, Work& work) {
  const LabelledRows narrow = columns_of(training.labelled, features);
  GODWIT_TRY(const train::SvrOptions options, train::best_svr_options(work.trainer, narrow));
  GODWIT_TRY(const auto estimator, work.trainer.svr(narrow, options));
  const LabelledRows rows = columns_of(test.labelled, features);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double said = std::max(0.0, estimator->predict(rows.rows[i]));
    work.note(model, test.examples[i], metric, *without_interval(said));
  }
  return {};
}

/// On logarithms.
Result<void> evaluate_boosting(const MetricRows& training, const MetricRows& test, Metric metric,
                               Work& work) {
  LabelledRows logarithms = columns_of(training.labelled, profile_features());
  for (double& label : logarithms.labels) label = std::log(std::max(label, 1e-3));
  GODWIT_TRY(const auto estimator, work.trainer.boosting(logarithms));
  const LabelledRows rows = columns_of(test.labelled, profile_features());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double said = std::exp(estimator->predict(rows.rows[i]));
    work.note("boost", test.examples[i], metric, *without_interval(said));
  }
  return {};
}

Result<void> evaluate_estimators(const Fold& fold, Technique technique, Metric metric, Work& work) {
  const MetricRows training = rows_of(work.examples, fold.training, technique, metric);
  const MetricRows test = rows_of(work.examples, fold.test, technique, metric);
  if (training.labelled.size() < kFewestRows || test.labelled.size() == 0) return {};
  const auto svr = [&](const char* model, const std::vector<std::string>& features) {
    return evaluate_svr(training, test, model, features, metric, work);
  };
  GODWIT_CHECK_OK(svr("svr-dr", learn::dirty_rate_features()));
  GODWIT_CHECK_OK(svr("svr-dr+size", learn::dirty_rate_size_features()));
  GODWIT_CHECK_OK(svr("svr-dr+size+wss", learn::dirty_rate_size_working_set_features()));
  const LabelledRows all = columns_of(training.labelled, profile_features());
  GODWIT_TRY(const std::vector<std::string> kept, train::eliminate_features(work.trainer, all));
  GODWIT_CHECK_OK(svr("svr-rfecv", kept));
  return evaluate_boosting(training, test, metric, work);
}

// --- the twin, corrected ---

std::vector<TrainingExample> some(std::span<const TrainingExample> examples,
                                  const std::vector<std::size_t>& which) {
  std::vector<TrainingExample> all;
  for (const std::size_t i : which) all.push_back(examples[i]);
  return all;
}

/// As somebody who waits for it gets it: with drawn intervals where nothing better was learnt.
TechniquePrediction answer_of(const LearntModel& model, const TrainingExample& example) {
  const auto answer = [&](const Result<twin::Predictor>& twin) {
    auto said = twin ? twin->predict(example.predicted.technique, example.predicted.parameters)
                     : Result<TechniquePrediction>(example.predicted);
    return said && said->converges ? std::move(*said) : example.predicted;
  };
  twin::Options options;
  options.pair = model.pair();
  options.draws = twin::kManyDraws;
  return model.correct(example.profile, example.link,
                       answer(learn::reference_twin(example.profile, example.link, model.pair())),
                       answer(twin::Predictor::make(example.profile, example.link, options)));
}

/// With its intervals. A model that could not be trained knows nothing: then the twin answers.
void evaluate_corrected(const Result<LearntModel>& trained, const std::vector<std::size_t>& test,
                        Work& work) {
  const LearntModel model = trained ? *trained : LearntModel();
  for (const std::size_t i : test) {
    const TrainingExample& example = work.examples[i];
    const TechniquePrediction said = answer_of(model, example);
    for (const Metric metric : learn::learnt_metrics()) {
      const auto value = learn::value_of(said, metric);
      if (!value || !learn::actual_of(example, metric)) continue;
      work.note("twin+residual", i, metric, {*value, true});
    }
  }
}

std::vector<std::string> loads_of(std::span<const TrainingExample> examples) {
  std::vector<std::string> loads;
  for (const TrainingExample& one : examples) loads.push_back(one.load);
  return loads;
}

std::size_t different(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return static_cast<std::size_t>(std::unique(names.begin(), names.end()) - names.begin());
}

Result<Evaluation> empty_evaluation(std::span<const TrainingExample> examples, std::string split) {
  Evaluation evaluation;
  evaluation.split = std::move(split);
  evaluation.migrations = examples.size();
  evaluation.loads = different(loads_of(examples));
  if (evaluation.loads < 2) {
    return fail(ErrorCode::kBadInput, "migrations of one load alone cannot be learnt and judged by",
                "measure more: godwit bench collect");
  }
  return evaluation;
}

tl::unexpected<Error> interrupted(Remedy what_to_do) {
  return fail(ErrorCode::kInterrupted, "interrupted while learning", std::move(what_to_do));
}

// --- the learning curve ---

/// So many migrations to train on.
struct CurvePoint {
  std::size_t examples = 0;
  std::string name;
};

/// None, 50, 100 and so on, as far as each fold has more (`least`), and all that one has.
std::vector<CurvePoint> curve_points(std::size_t least, std::size_t all) {
  std::vector<CurvePoint> points{{0, "0"}};
  for (std::size_t n = 50; n < least; n *= 2) points.push_back({n, std::to_string(n)});
  points.push_back({all, "all others"});
  return points;
}

void evaluate_point(const std::vector<std::size_t>& training, const std::string& name,
                    const std::vector<std::size_t>& test, Work& work) {
  std::vector<EvaluatedPrediction>& all = work.evaluation.predictions;
  const std::size_t before = all.size();
  evaluate_corrected(train::train_model(work.trainer, some(work.examples, training), "a part"),
                     test, work);
  for (std::size_t i = before; i < all.size(); ++i) all[i].technique = name;
}

}  // namespace

Result<Evaluation> evaluate_learnt(const Trainer& trainer,
                                   std::span<const dataset::CampaignRow> rows,
                                   const std::function<bool(double)>& progress) {
  const std::vector<TrainingExample> examples = learn::training_examples_of(rows);
  GODWIT_TRY(Evaluation evaluation,
             empty_evaluation(examples,
                              "leave-load-out: each load is judged by what was learnt of "
                              "others"));
  Work work{trainer, examples, evaluation};
  const std::vector<Fold> folds = train::folds_of(loads_of(examples), kFolds);
  const std::vector<Technique> techniques = learn::techniques_of(examples);
  const double steps = static_cast<double>(folds.size() * (techniques.size() + 1));
  double done = 0;
  const auto step = [&]() -> Result<void> {
    if (progress(++done / steps)) return {};
    return interrupted({"run it again, or ", Setting::kQuick});
  };
  for (const Fold& fold : folds) {
    for (const Technique technique : techniques) {
      for (const Metric metric : learn::learnt_metrics()) {
        GODWIT_CHECK_OK(evaluate_estimators(fold, technique, metric, work));
      }
      GODWIT_CHECK_OK(step());
    }
    evaluate_corrected(train::train_model(trainer, some(examples, fold.training), "other loads"),
                       fold.test, work);
    GODWIT_CHECK_OK(step());
  }
  return evaluation;
}

Result<Evaluation> learning_curve(const Trainer& trainer,
                                  std::span<const dataset::CampaignRow> rows,
                                  const std::function<bool(double)>& progress) {
  const std::vector<TrainingExample> examples = learn::training_examples_of(rows);
  GODWIT_TRY(Evaluation evaluation,
             empty_evaluation(examples,
                              "each load is judged by what was learnt of so many migrations of "
                              "others, chosen by lot"));
  Work work{trainer, examples, evaluation};
  Rng rng(1);
  const std::vector<Fold> folds = train::folds_of(loads_of(examples), kFolds);
  std::size_t least = examples.size();
  for (const Fold& fold : folds) least = std::min(least, fold.training.size());
  for (std::size_t f = 0; f < folds.size(); ++f) {
    std::vector<std::size_t> order = folds[f].training;
    rng.shuffle(order);
    const std::vector<CurvePoint> points = curve_points(least, order.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto end = order.begin() + static_cast<std::ptrdiff_t>(points[i].examples);
      evaluate_point({order.begin(), end}, points[i].name, folds[f].test, work);
      const double done = static_cast<double>(f * points.size() + i + 1);
      if (!progress(done / static_cast<double>(folds.size() * points.size())))
        return interrupted("run it again");
    }
  }
  return evaluation;
}

}  // namespace godwit::evaluate
