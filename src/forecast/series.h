#pragma once

#include <cstddef>
#include <span>

#include "godwit/base/error.h"

/// What all forecasts ask of a series.

namespace godwit::forecast {

[[nodiscard]] double mean_of(std::span<const double> values);

/// kBadInput: no `count` samples to use, or one that is negative or not finite; a horizon of 0.
Result<void> check_samples(std::span<const double> samples, std::size_t count);
Result<void> check_horizon(std::size_t horizon);

}  // namespace godwit::forecast
