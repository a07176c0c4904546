#pragma once

#include <memory>

#include "godwit/base/error.h"
#include "godwit/learn/estimator.h"
#include "godwit/train/labelled_rows.h"

namespace godwit::train {

class SvmLibrary;
class XgboostLibrary;

/// Epsilon support vector regression with a Gaussian kernel (libsvm; Jo et al.). Features and
/// label are brought to mean 0 and deviation 1 first.
struct SvrOptions {
  double c = 10;
  double gamma = 0.1;     ///< of the kernel exp(-gamma |x - y|^2), per feature
  double epsilon = 0.05;  ///< of the label's deviation
};

/// Gradient-boosted trees (XGBoost).
struct BoostingOptions {
  int trees = 200;
  int depth = 4;
  double rate = 0.06;
  double least_weight = 3;  ///< rows that a leaf needs
  double rows_per_tree = 0.8;
  double columns_per_tree = 0.8;
  double smoothing = 1;  ///< L2, on leaves
  /// Labels further from the median than three deviations of a normal distribution as wide as the
  /// middle 80 % of them count as that far only. (XGBoost 1.7's absolute errors are no choice: it
  /// gives each tree its full weight then, whatever the rate.)
  bool robust = false;
  int seed = 1;
};

/// Trains estimators with libsvm and XGBoost, which are loaded when somebody trains: where they are
/// not installed the program starts and predicts all the same (docs/adr/0002). The same rows and
/// options give the same estimator. Immutable, hence safe to share between threads.
class Trainer {
 public:
  /// kEnvironment: a library is not here, or is another than Godwit was built for.
  static Result<Trainer> load();

  /// kBadInput: rows that cannot be trained on (check), or options that libsvm refuses.
  [[nodiscard]] Result<std::unique_ptr<learn::Estimator>> svr(const LabelledRows& rows,
                                                              const SvrOptions& options = {}) const;
  /// kBadInput: rows that cannot be trained on.
  [[nodiscard]] Result<std::unique_ptr<learn::Estimator>> boosting(
      const LabelledRows& rows, const BoostingOptions& options = {}) const;

 private:
  Trainer(std::shared_ptr<const SvmLibrary> svm, std::shared_ptr<const XgboostLibrary> xgboost);

  std::shared_ptr<const SvmLibrary> svm_;
  std::shared_ptr<const XgboostLibrary> xgboost_;
};

}  // namespace godwit::train
