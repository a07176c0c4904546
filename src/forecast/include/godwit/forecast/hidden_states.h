#pragma once

#include <cstddef>
#include <span>
#include <vector>

/// A series that stays in one of a few states for a while and then moves to another: a hidden
/// Markov model with normal values around each state's mean (Baum et al. 1970; Rabiner 1989, whose
/// scaled forward and backward passes these are).

namespace godwit::forecast {

struct HiddenStates {
  std::vector<double> means;      ///< of each state, ascending
  double deviation = 0;           ///< around them, of all states alike
  std::vector<std::size_t> path;  ///< the likeliest state of each sample (Viterbi 1967)
  double bic = 0;  ///< Schwarz's criterion: -2 ln(likelihood) + ln(samples) * parameters
};

/// The model with exactly `states` states, at least one, fitted by expectation-maximisation, the
/// better of two: from means at equally spaced quantiles, and equally spaced over the range. The
/// deviation is held above `least_deviation`, more than 0:
/// what sampling alone makes of a state that never changes. `samples` not empty, all finite.
[[nodiscard]] HiddenStates fit_states(std::span<const double> samples, std::size_t states,
                                      double least_deviation);

/// The one with the least BIC of those with 1 to `most` states; more are not tried once one more
/// does not help.
[[nodiscard]] HiddenStates find_states(std::span<const double> samples, std::size_t most,
                                       double least_deviation);

}  // namespace godwit::forecast
