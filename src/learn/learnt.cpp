#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "godwit/base/rng.h"
#include "godwit/learn/estimator.h"
#include "godwit/learn/evaluation.h"
#include "godwit/learn/features.h"
#include "godwit/learn/learnt_model.h"

/// Judges what learns, on what it did not learn from.

namespace godwit::learn {
namespace {

constexpr std::size_t kFolds = 8;
/// Fewer rows of a technique are not learnt from.
constexpr std::size_t kFewestRows = 12;

/// Rows of one technique with the value of one metric, and which lesson each is of.
struct Class {
  Samples samples;
  std::vector<std::size_t> lessons;
};

Class class_of(std::span<const Lesson> lessons, const std::vector<std::size_t>& which,
               Technique technique, Metric metric) {
  Class one;
  for (const std::string_view name : feature_names()) one.samples.features.emplace_back(name);
  for (const std::size_t i : which) {
    const Lesson& lesson = lessons[i];
    const auto actual = actual_of(lesson, metric);
    if (lesson.twin.technique != technique || !actual) continue;
    one.samples.rows.push_back(features_of(lesson.profile, lesson.link, lesson.twin));
    one.samples.targets.push_back(*actual);
    one.samples.groups.push_back(lesson.load);
    one.lessons.push_back(i);
  }
  return one;
}

/// All that is not said by the twin.
std::vector<std::string> profile_features() {
  std::vector<std::string> features;
  for (const std::string_view name : feature_names()) {
    if (!name.starts_with("twin_")) features.emplace_back(name);
  }
  return features;
}

struct Judging {
  std::span<const Lesson> lessons;
  Evaluation& evaluation;

  void note(const std::string& model, std::size_t lesson, Metric metric, const Expected& said) {
    const Lesson& one = lessons[lesson];
    const double unit = unit_of(metric);
    Expected scaled = said;
    scaled.value = {said.value.p50 * unit, said.value.p05 * unit, said.value.p95 * unit};
    evaluation.judged.push_back({model, std::string(to_string(one.twin.technique)), metric, scaled,
                                 *actual_of(one, metric) * unit, one.load, one.run});
  }
};

void judge_estimator(const Estimator& estimator, const Class& judged, const std::string& model,
                     Metric metric, Judging& judging) {
  for (std::size_t i = 0; i < judged.samples.size(); ++i) {
    const double said = std::max(0.0, estimator.predict(judged.samples.rows[i]));
    judging.note(model, judged.lessons[i], metric, *without_interval(said));
  }
}

Result<void> judge_svr(const Class& training, const Class& judged, const std::string& model,
                       const std::vector<std::string>& features, Metric metric, Judging& judging) {
  const Samples narrow = columns_of(training.samples, features);
  GODWIT_TRY(const SvrOptions options, best_svr_options(narrow));
  GODWIT_TRY(const auto estimator, train_svr(narrow, options));
  Class of_these = judged;
  of_these.samples = columns_of(judged.samples, features);
  judge_estimator(*estimator, of_these, model, metric, judging);
  return {};
}

Result<void> judge_boosting(const Class& training, const Class& judged, Metric metric,
                            Judging& judging) {
  Samples logarithms = columns_of(training.samples, profile_features());
  for (double& target : logarithms.targets) target = std::log(std::max(target, 1e-3));
  GODWIT_TRY(const auto estimator, train_boosting(logarithms));
  const Samples rows = columns_of(judged.samples, profile_features());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double said = std::exp(estimator->predict(rows.rows[i]));
    judging.note("boost", judged.lessons[i], metric, *without_interval(said));
  }
  return {};
}

/// One technique and metric by every estimator of the plain value.
Result<void> judge_plain(const Fold& fold, Technique technique, Metric metric, Judging& judging) {
  const Class training = class_of(judging.lessons, fold.training, technique, metric);
  const Class judged = class_of(judging.lessons, fold.judged, technique, metric);
  if (training.samples.size() < kFewestRows || judged.samples.size() == 0) return {};
  const auto svr = [&](const char* model, const std::vector<std::string>& features) {
    return judge_svr(training, judged, model, features, metric, judging);
  };
  GODWIT_CHECK_OK(svr("svr-dr", dirty_rate_features()));
  GODWIT_CHECK_OK(svr("svr-dr+size", dirty_rate_size_features()));
  GODWIT_CHECK_OK(svr("svr-dr+size+wss", dirty_rate_size_working_set_features()));
  const Samples all = columns_of(training.samples, profile_features());
  GODWIT_TRY(const std::vector<std::string> kept, eliminate_features(all));
  GODWIT_CHECK_OK(svr("svr-rfecv", kept));
  return judge_boosting(training, judged, metric, judging);
}

std::vector<Lesson> some(std::span<const Lesson> lessons, const std::vector<std::size_t>& which) {
  std::vector<Lesson> all;
  for (const std::size_t i : which) all.push_back(lessons[i]);
  return all;
}

/// As somebody who waits for it gets it: with drawn intervals where nothing better was learnt.
TechniquePrediction answer_of(const LearntModel& model, const Lesson& lesson) {
  const auto answer = [&](const Result<twin::Predictor>& twin) {
    auto said = twin ? twin->predict(lesson.twin.technique, lesson.twin.parameters)
                     : Result<TechniquePrediction>(lesson.twin);
    return said && said->converges ? std::move(*said) : lesson.twin;
  };
  twin::Options options;
  options.pair = model.pair();
  options.draws = twin::kManyDraws;
  return model.correct(lesson.profile, lesson.link,
                       answer(reference_twin(lesson.profile, lesson.link, model.pair())),
                       answer(twin::Predictor::make(lesson.profile, lesson.link, options)));
}

/// With its intervals, by what was learnt of the fold's other loads.
void judge_corrected(const LearntModel& model, const std::vector<std::size_t>& judged,
                     Judging& judging) {
  for (const std::size_t i : judged) {
    const Lesson& lesson = judging.lessons[i];
    const TechniquePrediction said = answer_of(model, lesson);
    for (const Metric metric : learnt_metrics()) {
      const auto value = twin_of(said, metric);
      if (!value || !actual_of(lesson, metric)) continue;
      judging.note("twin+residual", i, metric, {*value, true});
    }
  }
}

std::vector<std::string> loads_of(std::span<const Lesson> lessons) {
  std::vector<std::string> loads;
  for (const Lesson& lesson : lessons) loads.push_back(lesson.load);
  return loads;
}

std::size_t different(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return static_cast<std::size_t>(std::unique(names.begin(), names.end()) - names.begin());
}

Result<Evaluation> empty_evaluation(std::span<const Lesson> lessons, std::string split) {
  Evaluation evaluation;
  evaluation.split = std::move(split);
  evaluation.migrations = lessons.size();
  evaluation.loads = different(loads_of(lessons));
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

/// So many migrations to learn from.
struct CurvePoint {
  std::size_t lessons = 0;
  std::string name;
};

/// None, 50, 100 and so on, as far as each fold has more (`least`), and all that one has.
std::vector<CurvePoint> curve_points(std::size_t least, std::size_t all) {
  std::vector<CurvePoint> points{{0, "0"}};
  for (std::size_t n = 50; n < least; n *= 2) points.push_back({n, std::to_string(n)});
  points.push_back({all, "all others"});
  return points;
}

/// Where there are too few to learn from, the twin answers.
void judge_part(const std::vector<std::size_t>& training, const std::string& name,
                const std::vector<std::size_t>& judged, Judging& judging) {
  std::vector<Judged>& all = judging.evaluation.judged;
  const std::size_t before = all.size();
  const auto model = LearntModel::train(some(judging.lessons, training), "a part");
  judge_corrected(model ? *model : LearntModel(), judged, judging);
  for (std::size_t i = before; i < all.size(); ++i) all[i].technique = name;
}

}  // namespace

Result<Evaluation> evaluate_learnt(std::span<const dataset::CampaignRow> rows,
                                   const std::function<bool(double)>& progress) {
  const std::vector<Lesson> lessons = lessons_of(rows);
  GODWIT_TRY(Evaluation evaluation,
             empty_evaluation(lessons,
                              "leave-load-out: each load is judged by what was learnt of "
                              "others"));
  Judging judging{lessons, evaluation};
  const std::vector<Fold> folds = folds_of(loads_of(lessons), kFolds);
  const double steps = static_cast<double>(folds.size() * (kAllTechniques.size() + 1));
  double done = 0;
  const auto step = [&]() -> Result<void> {
    if (progress(++done / steps)) return {};
    return interrupted({"run it again, or ", Setting::kQuick});
  };
  for (const Fold& fold : folds) {
    for (const Technique technique : kAllTechniques) {
      for (const Metric metric : learnt_metrics()) {
        GODWIT_CHECK_OK(judge_plain(fold, technique, metric, judging));
      }
      GODWIT_CHECK_OK(step());
    }
    const auto model = LearntModel::train(some(lessons, fold.training), "other loads");
    judge_corrected(model ? *model : LearntModel(), fold.judged, judging);
    GODWIT_CHECK_OK(step());
  }
  return evaluation;
}

Result<Evaluation> learning_curve(std::span<const dataset::CampaignRow> rows,
                                  const std::function<bool(double)>& progress) {
  const std::vector<Lesson> lessons = lessons_of(rows);
  GODWIT_TRY(Evaluation evaluation,
             empty_evaluation(lessons,
                              "each load is judged by what was learnt of so many migrations of "
                              "others, chosen by lot"));
  Judging judging{lessons, evaluation};
  Rng rng(1);
  const std::vector<Fold> folds = folds_of(loads_of(lessons), kFolds);
  std::size_t least = lessons.size();
  for (const Fold& fold : folds) least = std::min(least, fold.training.size());
  for (std::size_t f = 0; f < folds.size(); ++f) {
    std::vector<std::size_t> order = folds[f].training;
    rng.shuffle(order);
    const std::vector<CurvePoint> points = curve_points(least, order.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      judge_part({order.begin(), order.begin() + static_cast<std::ptrdiff_t>(points[i].lessons)},
                 points[i].name, folds[f].judged, judging);
      const double done = static_cast<double>(f * points.size() + i + 1);
      if (!progress(done / static_cast<double>(folds.size() * points.size())))
        return interrupted("run it again");
    }
  }
  return evaluation;
}

}  // namespace godwit::learn
