#include "godwit/train/trainer.h"

#include <utility>

#include "svm_library.h"
#include "xgboost_library.h"

namespace godwit::train {

Trainer::Trainer(std::shared_ptr<const SvmLibrary> svm,
                 std::shared_ptr<const XgboostLibrary> xgboost)
    : svm_(std::move(svm)), xgboost_(std::move(xgboost)) {}

Result<Trainer> Trainer::load() {
  GODWIT_TRY(auto svm, SvmLibrary::load());
  GODWIT_TRY(auto xgboost, XgboostLibrary::load());
  return Trainer(std::move(svm), std::move(xgboost));
}

Result<std::unique_ptr<learn::Estimator>> Trainer::svr(const LabelledRows& rows,
                                                       const SvrOptions& options) const {
  GODWIT_CHECK_OK(check(rows));
  return svm_->train(rows, options);
}

Result<std::unique_ptr<learn::Estimator>> Trainer::boosting(const LabelledRows& rows,
                                                            const BoostingOptions& options) const {
  GODWIT_CHECK_OK(check(rows));
  return xgboost_->train(rows, options);
}

}  // namespace godwit::train
