#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/domain/prediction.h"
#include "godwit/learn/metric.h"

/// How good predictions were. Pure.

namespace godwit::evaluate {

using learn::Metric;

/// Errors are in seconds, bytes, shares, pages a second, and, of downtimes, in milliseconds: what a
/// second, or a byte, or a share, is in the metric's unit.
[[nodiscard]] double unit_of(Metric metric);
/// Are errors relative to the actual value? Those of downtimes and shares are not.
[[nodiscard]] bool is_relative(Metric metric);
/// An error as people read it: relative, in ms, or in points of a hundred.
[[nodiscard]] std::string error_text(Metric metric, double error);

/// The model that is none: how far migrations of one and the same cell are from each other.
inline constexpr std::string_view kRepeats = "repeats";

/// The verdict that knows no guest: how often others converged.
inline constexpr std::string_view kClimatology = "climatology";

/// A prediction, with a 90 % interval or without.
struct Expected {
  Interval<double> value;
  bool has_interval = false;  ///< else only `value.p50` counts
};

/// One quantity of one migration, as a model said beforehand and as it was.
struct EvaluatedPrediction {
  std::string model;
  std::string technique;
  Metric metric = Metric::kTotalTime;
  Expected predicted;
  double actual = 0;
  std::string load{};  ///< what the guest did, where that is known
  std::string run{};   ///< which run of measurements it was of, the same
};

/// Does it end by itself in time?
struct EvaluatedVerdict {
  std::string model;
  double probability = 0;  ///< that it does; of a model that says yes or no: 1 or 0
  bool actual = false;
  std::string run{};  ///< as of EvaluatedPrediction
  std::string load{};
};

/// Errors of one model at one metric, for one technique or "all". Relative ones are of the actual
/// value, and absent where some of those are 0.
struct Score {
  std::string model;
  std::string technique;
  Metric metric = Metric::kTotalTime;
  std::size_t n = 0;
  std::optional<double> mean_rel, median_rel, p90_rel;
  double mean_abs = 0;
  double median_abs = 0;
  double p90_abs = 0;
  std::optional<double> coverage90;  ///< share of actual values within 90 % intervals, where given
  /// How wide those are: the median, also of the actual value (as of errors).
  std::optional<double> width90_abs, width90_rel;
};
/// Verdicts whose probabilities lie within one tenth of 0...1.
struct CalibrationBin {
  std::size_t n = 0;
  double said = 0;  ///< mean probability
  double came = 0;  ///< share that did converge
};
inline constexpr std::size_t kCalibrationBins = 10;
struct VerdictScore {
  std::string model;
  std::size_t n = 0;
  std::size_t wrong = 0;  ///< a yes (a probability of at least one half) that was none, or a no
  double brier = 0;       ///< the mean square of probability - outcome (Brier 1950)
  double log_loss = 0;    ///< the mean of -ln(what was said of what came), at most -ln kLeastSaid
  std::array<CalibrationBin, kCalibrationBins> calibration{};
};
/// What a model that says yes or no is taken to have said of the other: a wrong yes would else cost
/// the logarithm of 0.
inline constexpr double kLeastSaid = 0.001;

/// One score per load instead of per technique; `technique` is the load's name then.
[[nodiscard]] std::vector<Score> score_by_load(std::span<const EvaluatedPrediction> predictions);
/// By metric, then technique ("all" first), then model, each in the order of first appearance.
[[nodiscard]] std::vector<Score> score(std::span<const EvaluatedPrediction> predictions);
[[nodiscard]] std::vector<VerdictScore> score(std::span<const EvaluatedVerdict> verdicts);

[[nodiscard]] std::optional<Expected> without_interval(std::optional<double> value);
/// The median of what was seen, and the 90 % interval in which the next such value is expected:
/// Student's t on logarithms (values above 0). Without two values there is no interval: the median
/// alone, or nothing at all.
[[nodiscard]] std::optional<Expected> expected_next(std::span<const double> seen);

}  // namespace godwit::evaluate
