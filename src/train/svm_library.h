#pragma once

#include <libsvm/svm.h>

#include <memory>

#include "godwit/base/error.h"
#include "godwit/train/trainer.h"

namespace godwit::train {

/// Trains support vectors with libsvm.
class SvmLibrary {
 public:
  static Result<std::shared_ptr<const SvmLibrary>> load();

  /// `rows`: that check() lets pass.
  [[nodiscard]] Result<std::unique_ptr<learn::Estimator>> train(const LabelledRows& rows,
                                                                const SvrOptions& options) const;

 private:
  decltype(svm_check_parameter)* check_parameter_ = nullptr;
  decltype(svm_train)* train_ = nullptr;
  decltype(svm_free_and_destroy_model)* free_model_ = nullptr;
};

}  // namespace godwit::train
