#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/prediction.h"

/// The one definition of what estimators look at, in training and in prediction alike: Jo et al.'s
/// Table 1 as far as it can be had from outside, the rest of the profile, the link and parameters,
/// and what the twin says.

namespace godwit::learn {

/// All by name, in the order of features_of. Sizes in MB, rates in MB/s, times in seconds; those
/// that span decades as log(1 + x).
[[nodiscard]] std::span<const std::string_view> feature_names();

/// NaN where something is not known. `twin`: the twin's prediction for just these parameters; it
/// converges.
[[nodiscard]] std::vector<double> features_of(const GuestProfile& profile, const Link& link,
                                              const TechniquePrediction& twin);

/// Jo et al.'s sets: dirty rate; and size; and working set.
[[nodiscard]] std::vector<std::string> dirty_rate_features();
[[nodiscard]] std::vector<std::string> dirty_rate_size_features();
[[nodiscard]] std::vector<std::string> dirty_rate_size_working_set_features();

}  // namespace godwit::learn
