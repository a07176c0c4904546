#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "godwit/learn/estimator.h"

namespace godwit::learn {

/// Brings columns to mean 0 and deviation 1, and back.
struct ColumnScale {
  std::vector<double> mean;
  std::vector<double> deviation;  ///< above 0
  std::vector<double> low;        ///< bounds of what was seen
  std::vector<double> high;

  /// An unknown value stands for the mean, one beyond all that was seen for the nearest of those: a
  /// kernel tells nothing out there, and one feature that drifts away would silence all others.
  [[nodiscard]] double scaled(std::size_t column, double value) const;
};

/// Epsilon support vector regression with the Gaussian kernel exp(-gamma |x - y|^2) on scaled
/// features.
class SupportVectors final : public Estimator {
 public:
  static constexpr const char* kKind = "svr";

  struct Parts {
    ColumnScale features;
    ColumnScale target;  ///< of one column; its bounds are not used
    double gamma = 0;
    double bias = 0;
    std::vector<std::vector<double>> vectors;  ///< scaled
    std::vector<double> weights;               ///< of each
  };
  explicit SupportVectors(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] double predict(std::span<const double> row) const override;
  [[nodiscard]] std::size_t width() const override { return parts_.features.mean.size(); }
  [[nodiscard]] Json to_json() const override;
  static Result<std::unique_ptr<Estimator>> from_json(const Json& json);

 private:
  Parts parts_;
};

}  // namespace godwit::learn
