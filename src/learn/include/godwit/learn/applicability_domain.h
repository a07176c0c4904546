#pragma once

#include <span>
#include <vector>

#include "godwit/base/json.h"
#include "godwit/learn/training_example.h"

namespace godwit::learn {

/// Where the training examples lie in the space of features: a guest far from all of them is
/// outside of what a model was trained for. Pure.
struct ApplicabilityDomain {
  std::vector<double> center;             ///< of each feature
  std::vector<double> deviation;          ///< above 0
  std::vector<std::vector<double>> rows;  ///< examples, scaled by those; NaN where unknown
  /// The distance from an example to the nearest one of another load: 99 % stay below it.
  double reach = 1;
};

/// Of all examples, or of every so many where they are too many to compare each prediction with.
[[nodiscard]] ApplicabilityDomain domain_of(std::span<const TrainingExample> examples);

/// How far `features` (features_of) are from the nearest example, in reaches; above 1 is outside.
/// Infinite where the domain has no example.
[[nodiscard]] double distance_from(const ApplicabilityDomain& domain, std::vector<double> features);

[[nodiscard]] Json to_json(const ApplicabilityDomain& domain);
/// kCorrupt: of other features, or of a scale that cannot be. Throws what nlohmann::json throws.
Result<ApplicabilityDomain> domain_from_json(const Json& json);

}  // namespace godwit::learn
