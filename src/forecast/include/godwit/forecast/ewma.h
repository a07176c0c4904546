#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/prediction.h"

/// Forecasts of a series taken at equal intervals (dirty rates, bandwidths; any unit, never
/// negative), after Ramanathan, Ho, Tarasuk-Levin, "Live Migration Time Estimation", eqs (5)-(9).
/// Pure functions.

namespace godwit::forecast {

/// The next values, and their mean with the bounds of its 90 % interval, in the series' unit.
struct Forecast {
  Interval<double> mean;
  std::vector<double> path;  ///< one value per future interval
};

/// EWMA after each of the last `count` samples. Eq. (6) with alpha = 2 / (count + 1), eq. (5); it
/// starts from the mean of the 5 samples before them, or of those that exist, or, with none, of the
/// first 5 of the `count` themselves.
/// kBadInput: no sample, count 0 or more than there are, a sample that is negative or not finite.
Result<std::vector<double>> ewma(std::span<const double> samples, std::size_t count);

/// The last EWMA for every interval to come: what public traces of QEMU say is hard to beat. The
/// interval takes the samples as independent around a level: bursts make it too narrow.
/// kBadInput as above, or horizon 0.
Result<Forecast> forecast_ewma(std::span<const double> samples, std::size_t count,
                               std::size_t horizon);

/// Eqs (7)-(9): the regression line of the EWMA, times the noise e = sample / EWMA of the last
/// `count` samples in their order, over and over; never below 0. Errors as above.
Result<Forecast> forecast_trend(std::span<const double> samples, std::size_t count,
                                std::size_t horizon);

}  // namespace godwit::forecast
