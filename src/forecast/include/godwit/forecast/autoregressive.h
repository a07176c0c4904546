#pragma once

#include <cstddef>
#include <span>

#include "godwit/base/error.h"
#include "godwit/forecast/ewma.h"

namespace godwit::forecast {

/// AR(1): each sample is the series' mean, plus a share of how far the one before was from it, plus
/// noise (Box, Jenkins, Time Series Analysis, 1970); share and noise by least squares. The forecast
/// returns to the mean, at the pace that the series had. Beyond two samples; fewer, or a constant
/// series, forecast their mean. The interval takes the parameters as known.
/// kBadInput: no sample, one that is negative or not finite, horizon 0.
Result<Forecast> forecast_ar1(std::span<const double> samples, std::size_t horizon);

}  // namespace godwit::forecast
