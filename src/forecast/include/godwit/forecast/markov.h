#pragma once

#include <cstddef>
#include <span>

#include "godwit/base/error.h"
#include "godwit/forecast/ewma.h"

namespace godwit::forecast {

/// A Markov chain over levels of the series, as Ramanathan et al. propose for future work (section
/// 7): `states` levels that each hold as many samples as any other, moves between them counted in
/// the series (and one more from each level, spread over all, so that none is impossible), the
/// level's mean as its value. Knows bursts: what follows a quiet interval is not what follows a
/// busy one. `states` at most as many as there are different samples; more are not used. kBadInput:
/// no sample, one that is negative or not finite, horizon or states 0.
Result<Forecast> forecast_markov(std::span<const double> samples, std::size_t states,
                                 std::size_t horizon);

}  // namespace godwit::forecast
