#pragma once

#include <span>
#include <string>

#include "godwit/evaluate/scores.h"

namespace godwit::research {

/// Errors as pictures (Jo et al., Fig. 2): an SVG with a panel for each technique and metric, in it
/// a line for each model: the share of migrations (upwards) whose error was at most so large (to
/// the right; relative, of downtimes in milliseconds).
[[nodiscard]] std::string cdf_svg(std::span<const evaluate::EvaluatedPrediction> predictions);

}  // namespace godwit::research
