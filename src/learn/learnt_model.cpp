#include "godwit/learn/learnt_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "estimators.h"
#include "godwit/base/statistics.h"
#include "godwit/learn/features.h"
#include "godwit/learn/host_pair.h"
#include "godwit/twin/predictor.h"

namespace godwit::learn {
namespace {

/// Raised whenever the twin changes that corrections are of: its algorithm or stated constants.
constexpr int kVersion = 2;
constexpr const char* kWhat = "godwit-learnt-model";
/// Fewer lessons of a technique teach nothing that the twin does not know.
constexpr std::size_t kFewestLessons = 30;
constexpr std::size_t kFolds = 8;
/// Below it downtimes are not told apart, nor shares of work lost: a logarithm would make much of a
/// millisecond.
constexpr double kDowntimeFloor = 0.02;
constexpr double kSlowdownFloor = 0.05;
/// Intervals of the twin are at least so wide, as logarithms: where it is sure of itself, chance is
/// left.
constexpr double kLeastWidth = 0.01;
/// Unlike everything learnt, intervals grow with the distance, at most to this.
constexpr double kMostWidening = 3;
/// No interval reaches further than to this logarithm: a factor of 20.
constexpr double kMostHalf = 3;
/// Lessons that mark the territory, at most: each prediction is compared with all of them.
constexpr std::size_t kMostLandmarks = 1500;
/// A migration that takes longer than this is not corrected.
constexpr Seconds kLongest(3600);

double floor_of(Metric metric) {
  if (metric == Metric::kSlowdown) return kSlowdownFloor;
  return is_downtime(metric) ? kDowntimeFloor : 0;
}
double logarithm(Metric metric, double value) {
  return std::log(std::max(value, 0.0) + floor_of(metric) + 1e-9);
}
double back(Metric metric, double value) {
  return std::max(0.0, std::exp(value) - floor_of(metric));
}
double width_of(Metric metric, const Interval<double>& twin) {
  return std::max(kLeastWidth, (logarithm(metric, twin.p95) - logarithm(metric, twin.p05)) / 2);
}

BoostingOptions correcting(std::size_t lessons) {
  BoostingOptions options;
  options.trees = 120;
  options.depth = 3;
  options.rate = 0.05;
  options.least_weight = std::max(4.0, static_cast<double>(lessons) / 40);
  options.smoothing = 4;
  options.robust = true;
  return options;
}

/// Lessons of one technique and metric, as what an estimator learns from.
struct Class {
  Samples samples;
  std::vector<double> widths;
};

Class class_of(std::span<const Lesson> lessons, Technique technique, Metric metric) {
  Class one;
  for (const std::string_view name : feature_names()) one.samples.features.emplace_back(name);
  for (const Lesson& lesson : lessons) {
    if (lesson.twin.technique != technique) continue;
    const auto actual = actual_of(lesson, metric);
    const auto twin = value_of(lesson.twin, metric);
    if (!actual || !twin) continue;
    one.samples.rows.push_back(features_of(lesson.profile, lesson.link, lesson.twin));
    one.samples.targets.push_back(logarithm(metric, *actual) - logarithm(metric, twin->p50));
    one.samples.groups.push_back(lesson.load);
    one.widths.push_back(width_of(metric, *twin));
  }
  return one;
}

/// How far off one lesson was, in widths, and its load.
struct Miss {
  double widths = 0;
  std::string load;
};

/// What 90 % of the misses on a load that was not seen stay below. All of k loads count alike, and
/// one more may lie beyond all of them (hierarchical conformal prediction: Lee, Barber, Willett,
/// "Distribution-free inference with hierarchical data", 2023). Of fewer than nine loads no bound
/// is known to do that: then it is the largest miss, for k / (k + 1) of what is to come.
double conformal90(std::vector<Miss> misses) {
  std::map<std::string, double> of_load;
  for (const Miss& miss : misses) ++of_load[miss.load];
  std::sort(misses.begin(), misses.end(),
            [](const Miss& a, const Miss& b) { return a.widths < b.widths; });
  const double loads = static_cast<double>(of_load.size()) + 1;
  double covered = 0;
  for (const Miss& miss : misses) {
    covered += 1 / (loads * of_load[miss.load]);
    if (covered >= 0.9) return miss.widths;
  }
  return misses.back().widths;
}

/// What is left over, on loads that were not learnt from.
struct LeftOver {
  std::vector<Miss> misses;
  double error = 0, twin_error = 0;  ///< means
};

Result<LeftOver> judge(const Class& one) {
  LeftOver left;
  const auto n = static_cast<double>(one.samples.size());
  for (const Fold& fold : folds_of(one.samples.groups, kFolds)) {
    const Samples training = rows_of(one.samples, fold.training);
    GODWIT_TRY(const auto estimator, train_boosting(training, correcting(training.size())));
    for (const std::size_t i : fold.judged) {
      const double target = one.samples.targets[i];
      const double error = std::abs(target - estimator->predict(one.samples.rows[i]));
      left.misses.push_back({error / one.widths[i], one.samples.groups[i]});
      left.error += error / n;
      left.twin_error += std::abs(target) / n;
    }
  }
  return left;
}

Result<std::optional<Correction>> correction_of(std::span<const Lesson> lessons,
                                                Technique technique, Metric metric) {
  const Class one = class_of(lessons, technique, metric);
  if (one.samples.size() < kFewestLessons) return std::optional<Correction>();
  GODWIT_TRY(LeftOver left, judge(one));
  if (left.misses.empty()) return std::optional<Correction>();  // all of one load
  Correction c;
  c.technique = technique;
  c.metric = metric;
  c.lessons = one.samples.size();
  c.spread = conformal90(std::move(left.misses));
  c.error = left.error;
  c.twin_error = left.twin_error;
  GODWIT_TRY(auto estimator, train_boosting(one.samples, correcting(one.samples.size())));
  c.estimator = std::move(estimator);
  return std::optional(std::move(c));
}

// --- how unlike what was learnt ---

/// Root of the mean squared difference, over the features that both know.
double apart(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  double n = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (std::isnan(a[k]) || std::isnan(b[k])) continue;
    sum += (a[k] - b[k]) * (a[k] - b[k]);
    ++n;
  }
  return n > 0 ? std::sqrt(sum / n) : std::numeric_limits<double>::infinity();
}

std::vector<double> scaled(const Territory& territory, std::vector<double> row) {
  for (std::size_t k = 0; k < row.size(); ++k) {
    row[k] = (row[k] - territory.center[k]) / territory.deviation[k];
  }
  return row;
}

void scale_column(Territory& territory, const std::vector<std::vector<double>>& rows,
                  std::size_t k) {
  constexpr double kLeastVariation = 3e-5;
  std::vector<double> column;
  for (const auto& row : rows) column.push_back(row[k]);
  const Moments moments = moments_of(column);
  territory.center.push_back(moments.mean);
  territory.deviation.push_back(moments.deviation > kLeastVariation ? moments.deviation : 1);
}

Territory territory_of(std::span<const Lesson> lessons) {
  Territory territory;
  // every so many where all are too many
  const std::size_t step = (lessons.size() + kMostLandmarks - 1) / kMostLandmarks;
  std::vector<std::vector<double>> rows;
  for (std::size_t i = 0; i < lessons.size(); i += step) {
    const Lesson& lesson = lessons[i];
    rows.push_back(features_of(lesson.profile, lesson.link, lesson.twin));
  }
  for (std::size_t k = 0; k < feature_names().size(); ++k) scale_column(territory, rows, k);
  for (auto& row : rows) territory.rows.push_back(scaled(territory, std::move(row)));
  std::vector<double> nearest;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (lessons[i * step].load == lessons[j * step].load) continue;
      least = std::min(least, apart(territory.rows[i], territory.rows[j]));
    }
    if (std::isfinite(least)) nearest.push_back(least);
  }
  if (!nearest.empty()) territory.usual = std::max(1e-6, quantile(std::move(nearest), 0.99));
  return territory;
}

// --- corrected predictions ---

/// The same medians; bounds so many times as far from them.
void widen(TechniquePrediction& p, double times) {
  for (const Metric metric : learnt_metrics()) {
    const auto said = value_of(p, metric);
    if (!said) continue;
    set_value(p, metric,
        {said->p50, std::max(0.0, said->p50 - times * (said->p50 - said->p05)),
         said->p50 + times * (said->p95 - said->p50)});
  }
}

Interval<double> around(Metric metric, double middle, double half) {
  return {back(metric, middle), back(metric, middle - half), back(metric, middle + half)};
}

// --- the pair of hosts ---

twin::HostPairConstants pair_of(std::span<const Lesson> lessons) {
  std::vector<PairSample> samples;
  for (const Lesson& one : lessons) {
    if (!one.total_time || !one.transferred) continue;
    samples.push_back({&one.profile, one.twin.technique, one.twin.parameters, one.link,
                       *one.total_time, one.downtime, *one.transferred});
  }
  return learn_pair(samples);
}

/// With what a twin says that knows the pair; without those that it does not expect to complete.
std::vector<Lesson> retold(std::span<const Lesson> lessons, const twin::HostPairConstants& pair) {
  std::vector<Lesson> all;
  for (const Lesson& one : lessons) {
    const auto predictor = reference_twin(one.profile, one.link, pair);
    if (!predictor) continue;
    auto twin = predictor->predict(one.twin.technique, one.twin.parameters);
    if (!twin || !twin->converges) continue;
    all.push_back(one);
    all.back().twin = std::move(*twin);
  }
  return all;
}

// --- the file ---

Json json_of(const Correction& c) {
  return Json{{"technique", to_string(c.technique)},
              {"metric", to_string(c.metric)},
              {"lessons", c.lessons},
              {"measured", {{"error", c.error}, {"twin_error", c.twin_error}}},
              {"spread", c.spread},
              {"estimator", c.estimator->to_json()}};
}

Result<Correction> correction_from(const Json& json) {
  Correction c;
  const auto technique = technique_from_string(json.at("technique").get<std::string>());
  const auto metric = metric_from_string(json.at("metric").get<std::string>());
  if (!technique || !metric) return fail(ErrorCode::kCorrupt, "of an unknown technique or metric");
  c.technique = *technique;
  c.metric = *metric;
  c.lessons = json.at("lessons").get<std::size_t>();
  c.error = json.at("measured").at("error").get<double>();
  c.twin_error = json.at("measured").at("twin_error").get<double>();
  c.spread = json.at("spread").get<double>();
  if (!(c.spread >= 0)) return fail(ErrorCode::kCorrupt, "a negative spread");
  GODWIT_TRY(auto estimator, estimator_from_json(json.at("estimator")));
  if (estimator->width() != feature_names().size()) {
    return fail(ErrorCode::kCorrupt, "an estimator of other features");
  }
  c.estimator = std::move(estimator);
  return c;
}

/// JSON has no NaN: null.
Json row_json(const std::vector<double>& row) {
  Json list = Json::array();
  for (const double value : row) list.push_back(std::isnan(value) ? Json() : Json(value));
  return list;
}
std::vector<double> row_from(const Json& json) {
  std::vector<double> row;
  for (const Json& value : json) {
    row.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return row;
}

Result<Territory> territory_from(const Json& json) {
  const std::size_t width = feature_names().size();
  Territory territory;
  GODWIT_TRY(territory.center, numbers_in(json, "center", width));
  GODWIT_TRY(territory.deviation, numbers_in(json, "deviation", width));
  territory.usual = json.at("usual").get<double>();
  for (const Json& row : json.at("rows")) {
    territory.rows.push_back(row_from(row));
    if (territory.rows.back().size() != width) return fail(ErrorCode::kCorrupt, "a short row");
  }
  const bool sound =
      territory.usual > 0 && std::all_of(territory.deviation.begin(), territory.deviation.end(),
                                         [](double d) { return d > 0; });
  if (!sound) return fail(ErrorCode::kCorrupt, "a scale that is not above 0");
  return territory;
}

/// What the twin says of one that completed; nothing where it expected otherwise, or guesses.
std::optional<TechniquePrediction> expected(const GuestProfile& profile, const Link& link,
                                            Technique technique,
                                            const MigrationParameters& parameters) {
  // where it guesses, it errs for reasons that a profile of today does not have
  if (!twin::predicts(technique) || twin::guesses(profile, technique)) return std::nullopt;
  const auto predictor = reference_twin(profile, link, {});
  if (!predictor) return std::nullopt;
  auto twin = predictor->predict(technique, parameters);
  return twin && twin->converges ? std::optional(std::move(*twin)) : std::nullopt;
}

Result<void> check_head(const Json& json) {
  if (!json.is_object() || json.value("what", "") != kWhat) {
    return fail(ErrorCode::kCorrupt, "this is no model that godwit learnt",
                "make one with: godwit learn");
  }
  if (json.value("version", 0) != kVersion) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("a model of version {}, not {}", json.value("version", 0), kVersion),
                "learn it anew with: godwit learn");
  }
  const auto features = feature_names();
  const Json expected(std::vector<std::string>(features.begin(), features.end()));
  if (!json.contains("features") || json["features"] != expected) {
    return fail(ErrorCode::kCorrupt, "a model of other features, or in another order",
                "learn it anew with: godwit learn");
  }
  return {};
}

}  // namespace

Result<twin::Predictor> reference_twin(const GuestProfile& profile, const Link& link,
                                       const twin::HostPairConstants& pair) {
  twin::Options options;
  options.pair = pair;
  options.max_time = kLongest;
  return twin::Predictor::make(profile, link, options);
}

std::vector<Lesson> lessons_of(std::span<const dataset::CampaignRow> rows) {
  std::vector<Lesson> lessons;
  for (const dataset::CampaignRow& row : rows) {
    if (!row.completed() || row.storage || !row.profile) continue;
    auto twin = expected(*row.profile, row.link, row.technique, row.parameters);
    if (!twin) continue;
    lessons.push_back({*row.profile, row.link, std::move(*twin), row.load, row.total_time,
                       row.transferred, row.downtime, row.work_lost, row.host_cpu, row.run});
  }
  return lessons;
}

std::vector<Lesson> lessons_of(std::span<const OutcomeRecord> records) {
  std::vector<Lesson> lessons;
  for (const OutcomeRecord& record : records) {
    const MigrationOutcome& outcome = record.outcome;
    const bool completed = outcome.status == OutcomeStatus::kCompleted && !outcome.storage;
    if (!completed || !record.profile || !record.link) continue;
    auto twin = expected(*record.profile, *record.link, outcome.technique, outcome.parameters);
    if (!twin) continue;
    lessons.push_back({*record.profile, *record.link, std::move(*twin), record.source,
                       outcome.total_time, outcome.transferred.qemu, outcome.downtime,
                       outcome.guest.slowdown, std::nullopt});
  }
  return lessons;
}

std::optional<double> actual_of(const Lesson& lesson, Metric metric) {
  return value_of({lesson.twin.technique, lesson.total_time, lesson.transferred, lesson.downtime,
                   lesson.slowdown, lesson.host_cpu},
                  metric);
}

Result<LearntModel> LearntModel::train(std::span<const Lesson> given, std::string source) {
  LearntModel model;
  model.source_ = std::move(source);
  model.pair_ = pair_of(given);
  const std::vector<Lesson> lessons = retold(given, model.pair_);
  model.lessons_ = lessons.size();
  for (const Technique technique : kAllTechniques) {
    for (const Metric metric : learnt_metrics()) {
      GODWIT_TRY(auto correction, correction_of(lessons, technique, metric));
      if (correction) model.corrections_.push_back(std::move(*correction));
    }
  }
  if (model.corrections_.empty()) {
    return fail(ErrorCode::kBadInput,
                fmt::format("{} migrations are too few to learn from", lessons.size()),
                fmt::format("it takes {} of one technique, of two loads or more, whose profiles "
                            "say what lies at the end of RAM",
                            kFewestLessons));
  }
  model.territory_ = territory_of(lessons);
  return model;
}

const Correction* LearntModel::find(Technique technique, Metric metric) const {
  const auto found = std::find_if(
      corrections_.begin(), corrections_.end(),
      [&](const Correction& c) { return c.technique == technique && c.metric == metric; });
  return found != corrections_.end() ? &*found : nullptr;
}

double LearntModel::distance_of(const std::vector<double>& features) const {
  double least = std::numeric_limits<double>::infinity();
  if (territory_.rows.empty()) return least;
  const std::vector<double> row = scaled(territory_, features);
  for (const auto& lesson : territory_.rows) least = std::min(least, apart(row, lesson));
  return least / territory_.usual;
}

/// Of a model that learnt nothing: everything is unlike it.
double LearntModel::distance(const GuestProfile& profile, const Link& link,
                             const TechniquePrediction& reference) const {
  return distance_of(features_of(profile, link, reference));
}

TechniquePrediction LearntModel::correct(const GuestProfile& profile, const Link& link,
                                         const TechniquePrediction& reference,
                                         TechniquePrediction said) const {
  if (!said.converges || !reference.converges || corrections_.empty()) return said;
  const std::vector<double> features = features_of(profile, link, reference);
  const double distance = distance_of(features);
  if (distance > 1) {
    widen(said, std::min(distance, kMostWidening));
    said.why += "; unlike the migrations that were learnt from, so less is sure";
    return said;
  }
  for (const Metric metric : learnt_metrics()) {
    const Correction* const c = find(said.technique, metric);
    const auto expected = value_of(reference, metric);
    const auto own = value_of(said, metric);
    if (c == nullptr || !c->better() || !expected || !own) continue;
    const double middle = logarithm(metric, own->p50) + c->estimator->predict(features);
    const double half = std::min(kMostHalf, c->spread * width_of(metric, *expected));
    set_value(said, metric, around(metric, middle, half));
    said.model = "twin+residual";
  }
  return said;
}

Json LearntModel::to_json() const {
  const auto features = feature_names();
  Json corrections = Json::array();
  for (const Correction& one : corrections_) corrections.push_back(json_of(one));
  Json rows = Json::array();
  for (const auto& row : territory_.rows) rows.push_back(row_json(row));
  return Json{{"what", kWhat},
              {"version", kVersion},
              {"data", {{"source", source_}, {"migrations", lessons_}}},
              {"features", std::vector<std::string>(features.begin(), features.end())},
              {"pair", learn::to_json(pair_)},
              {"corrections", std::move(corrections)},
              {"territory",
               {{"center", territory_.center},
                {"deviation", territory_.deviation},
                {"usual", territory_.usual},
                {"rows", std::move(rows)}}}};
}

Result<LearntModel> LearntModel::from_json(const Json& json) {
  LearntModel model;
  try {
    GODWIT_CHECK_OK(check_head(json));
    model.source_ = json.at("data").at("source").get<std::string>();
    model.lessons_ = json.at("data").at("migrations").get<std::size_t>();
    GODWIT_TRY(model.pair_, pair_from_json(json.at("pair")));
    for (const Json& one : json.at("corrections")) {
      GODWIT_TRY(Correction correction, correction_from(one));
      model.corrections_.push_back(std::move(correction));
    }
    GODWIT_TRY(model.territory_, territory_from(json.at("territory")));
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kCorrupt, fmt::format("the model is cut short or broken: {}", e.what()),
                "learn it anew with: godwit learn");
  }
  return model;
}

}  // namespace godwit::learn
