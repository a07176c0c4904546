#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "godwit/base/error.h"
#include "godwit/base/json.h"

namespace godwit::learn {

/// Predicts one number from a row of features. Immutable, hence safe to share between threads. None
/// of the libraries that trained it is needed.
class Estimator {
 public:
  Estimator() = default;
  Estimator(const Estimator&) = delete;
  Estimator& operator=(const Estimator&) = delete;
  virtual ~Estimator() = default;

  /// `row`: as wide as the rows it was trained with; NaN where a feature is unknown.
  [[nodiscard]] virtual double predict(std::span<const double> row) const = 0;
  /// Features that a row must have.
  [[nodiscard]] virtual std::size_t width() const = 0;
  [[nodiscard]] virtual Json to_json() const = 0;
};

/// What to_json() wrote. kCorrupt: anything else.
Result<std::unique_ptr<Estimator>> estimator_from_json(const Json& json);

}  // namespace godwit::learn
