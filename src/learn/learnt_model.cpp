#include "godwit/learn/learnt_model.h"

#include <algorithm>
#include <utility>

#include "godwit/learn/features.h"

namespace godwit::learn {
namespace {

/// Outside of the domain intervals grow with the distance, at most to this.
constexpr double kMostWidening = 3;
/// No interval reaches further than to this logarithm: a factor of 20.
constexpr double kMostHalfWidth = 3;

/// The same medians; bounds so many times as far from them.
void widen(TechniquePrediction& prediction, double times) {
  for (const Metric metric : learnt_metrics()) {
    const auto said = value_of(prediction, metric);
    if (!said) continue;
    set_value(prediction, metric,
              {said->p50, std::max(0.0, said->p50 - times * (said->p50 - said->p05)),
               said->p50 + times * (said->p95 - said->p50)});
  }
}

Interval<double> corrected(const Correction& correction, const std::vector<double>& features,
                           const Interval<double>& reference, const Interval<double>& said) {
  const Metric metric = correction.metric;
  const double middle = to_log_scale(metric, said.p50) + correction.estimator->predict(features);
  const double half =
      std::min(kMostHalfWidth, correction.spread * half_width_on_log_scale(metric, reference));
  return {from_log_scale(metric, middle), from_log_scale(metric, middle - half),
          from_log_scale(metric, middle + half)};
}

}  // namespace

const Correction* LearntModel::find(Technique technique, Metric metric) const {
  const auto& all = parts_.corrections;
  const auto found = std::find_if(all.begin(), all.end(), [&](const Correction& one) {
    return one.technique == technique && one.metric == metric;
  });
  return found != all.end() ? &*found : nullptr;
}

double LearntModel::distance(const GuestProfile& profile, const Link& link,
                             const TechniquePrediction& reference) const {
  return distance_from(parts_.domain, features_of(profile, link, reference));
}

TechniquePrediction LearntModel::correct(const GuestProfile& profile, const Link& link,
                                         const TechniquePrediction& reference,
                                         TechniquePrediction said) const {
  if (!said.converges || !reference.converges || parts_.corrections.empty()) return said;
  // One factor for all is none of several groups.
  if (!said.humps.empty()) return said;
  const std::vector<double> features = features_of(profile, link, reference);
  const double distance = distance_from(parts_.domain, features);
  if (distance > 1) {
    widen(said, std::min(distance, kMostWidening));
    said.why += "; unlike the migrations that were learnt from, so less is sure";
    return said;
  }
  for (const Metric metric : learnt_metrics()) {
    const Correction* const correction = find(said.technique, metric);
    const auto expected = value_of(reference, metric);
    const auto own = value_of(said, metric);
    if (correction == nullptr || !correction->better() || !expected || !own) continue;
    set_value(said, metric, corrected(*correction, features, *expected, *own));
    said.model = "twin+residual";
  }
  return said;
}

}  // namespace godwit::learn
