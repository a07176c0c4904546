#include "godwit/learn/correction.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "godwit/learn/features.h"

namespace godwit::learn {
namespace {

/// A logarithm would make much of a millisecond, or of a hundredth of the guest's work.
constexpr double kDowntimeFloor = 0.02;
constexpr double kSlowdownFloor = 0.05;
constexpr double kLeastHalfWidth = 0.01;

double floor_of(Metric metric) {
  if (metric == Metric::kSlowdown) return kSlowdownFloor;
  return is_downtime(metric) ? kDowntimeFloor : 0;
}

}  // namespace

double to_log_scale(Metric metric, double value) {
  return std::log(std::max(value, 0.0) + floor_of(metric) + 1e-9);
}

double from_log_scale(Metric metric, double logarithm) {
  return std::max(0.0, std::exp(logarithm) - floor_of(metric));
}

double half_width_on_log_scale(Metric metric, const Interval<double>& predicted) {
  return std::max(kLeastHalfWidth,
                  (to_log_scale(metric, predicted.p95) - to_log_scale(metric, predicted.p05)) / 2);
}

Json to_json(const Correction& correction) {
  return Json{{"technique", to_string(correction.technique)},
              {"metric", to_string(correction.metric)},
              {"examples", correction.examples},
              {"measured", {{"error", correction.error}, {"twin_error", correction.twin_error}}},
              {"spread", correction.spread},
              {"estimator", correction.estimator->to_json()}};
}

Result<Correction> correction_from_json(const Json& json) {
  const auto technique = parse_technique(json.at("technique").get<std::string>());
  const auto metric = metric_from_string(json.at("metric").get<std::string>());
  if (!technique || !metric) return fail(ErrorCode::kCorrupt, "of an unknown technique or metric");
  Correction correction;
  correction.technique = *technique;
  correction.metric = *metric;
  correction.examples = json.at("examples").get<std::size_t>();
  correction.error = json.at("measured").at("error").get<double>();
  correction.twin_error = json.at("measured").at("twin_error").get<double>();
  correction.spread = json.at("spread").get<double>();
  if (!(correction.spread >= 0)) return fail(ErrorCode::kCorrupt, "a negative spread");
  GODWIT_TRY(auto estimator, estimator_from_json(json.at("estimator")));
  if (estimator->width() != feature_names().size()) {
    return fail(ErrorCode::kCorrupt, "an estimator of other features");
  }
  correction.estimator = std::move(estimator);
  return correction;
}

}  // namespace godwit::learn
