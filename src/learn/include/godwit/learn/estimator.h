#pragma once

#include <memory>
#include <span>

#include "godwit/base/error.h"
#include "godwit/domain/codec.h"
#include "godwit/learn/samples.h"

/// Estimators of one number from a row of features. Immutable once trained, hence safe to share
/// between threads; prediction needs none of the libraries that trained them.

namespace godwit::learn {

class Estimator {
 public:
  Estimator() = default;
  Estimator(const Estimator&) = delete;
  Estimator& operator=(const Estimator&) = delete;
  virtual ~Estimator() = default;

  /// `row`: as wide as the samples it was trained with; NaN where a feature is unknown.
  [[nodiscard]] virtual double predict(std::span<const double> row) const = 0;
  /// Features that a row must have.
  [[nodiscard]] virtual std::size_t width() const = 0;
  [[nodiscard]] virtual Json to_json() const = 0;
};

/// Epsilon support vector regression with a Gaussian kernel (libsvm; Jo et al.). Features and
/// target are brought to mean 0 and deviation 1 first, unknown features to their mean, those beyond
/// all that was learnt from to the nearest of it.
struct SvrOptions {
  double c = 10;
  double gamma = 0.1;     ///< of the kernel exp(-gamma |x - y|^2), per feature
  double epsilon = 0.05;  ///< of the target's deviation
};
Result<std::unique_ptr<Estimator>> train_svr(const Samples& samples, const SvrOptions& options);
/// The options of a small grid with the least error on groups that were not learnt from; the
/// default where all rows are of one group.
Result<SvrOptions> best_svr_options(const Samples& samples);

/// Gradient-boosted trees (XGBoost).
struct BoostingOptions {
  int trees = 200;
  int depth = 4;
  double rate = 0.06;
  double least_weight = 3;  ///< rows that a leaf needs
  double rows_per_tree = 0.8;
  double columns_per_tree = 0.8;
  double smoothing = 1;  ///< L2, on leaves
  /// Targets further from the median than three deviations of a normal distribution as wide as the
  /// middle 80 % of them count as that far only. (XGBoost 1.7's absolute errors are no choice: it
  /// gives each tree its full weight then, whatever the rate.)
  bool robust = false;
  int seed = 1;
};
Result<std::unique_ptr<Estimator>> train_boosting(const Samples& samples,
                                                  const BoostingOptions& options = {});

/// What to_json() wrote. kCorrupt: anything else.
Result<std::unique_ptr<Estimator>> estimator_from_json(const Json& json);

/// The features that an SVR does best with (recursive elimination with cross-validation, RFECV):
/// those that a ridge regression gives the least weight are left out, a fifth at a time, as long as
/// the error on groups that were not learnt from does not rise.
Result<std::vector<std::string>> eliminate_features(const Samples& samples);

}  // namespace godwit::learn
