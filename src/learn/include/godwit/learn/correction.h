#pragma once

#include <cstddef>
#include <memory>

#include "godwit/base/json.h"
#include "godwit/domain/prediction.h"
#include "godwit/domain/technique.h"
#include "godwit/learn/estimator.h"
#include "godwit/learn/metric.h"

namespace godwit::learn {

/// Learnt of one metric of one technique: a factor on what the twin predicts, as a logarithm, and
/// how far that is off, in half widths of the twin's own interval. Immutable.
struct Correction {
  Technique technique;
  Metric metric = Metric::kTotalTime;
  std::shared_ptr<const Estimator> estimator;
  /// What 90 % of |logarithm of actual over predicted| over the twin's half width are to stay below
  /// on loads that were not trained on (hierarchical conformal prediction: Lee, Barber, Willett
  /// 2023).
  double spread = 1;
  std::size_t examples = 0;
  /// Mean of |logarithm of actual over predicted| there: of the correction, and of the twin.
  double error = 0;
  double twin_error = 0;

  [[nodiscard]] bool better() const { return error < twin_error; }
};

[[nodiscard]] Json to_json(const Correction& correction);
/// kCorrupt: of something unknown, or of other features. Throws what nlohmann::json throws.
Result<Correction> correction_from_json(const Json& json);

/// The scale that corrections are learnt on: logarithms, of downtimes and shares with a floor
/// added, as below it they are not told apart.
[[nodiscard]] double to_log_scale(Metric metric, double value);
[[nodiscard]] double from_log_scale(Metric metric, double logarithm);
/// Half the width of an interval there; never 0, as where the twin is sure of itself, chance is
/// left.
[[nodiscard]] double half_width_on_log_scale(Metric metric, const Interval<double>& predicted);

}  // namespace godwit::learn
