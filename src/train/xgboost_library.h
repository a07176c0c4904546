#pragma once

#include <xgboost/c_api.h>

#include <memory>

#include "godwit/base/error.h"
#include "godwit/train/trainer.h"

namespace godwit::train {

/// The functions of XGBoost that are used.
struct XgboostFunctions {
  decltype(XGBGetLastError)* last_error = nullptr;
  decltype(XGDMatrixCreateFromMat_omp)* create_matrix = nullptr;
  decltype(XGDMatrixSetFloatInfo)* set_float_info = nullptr;
  decltype(XGDMatrixFree)* free_matrix = nullptr;
  decltype(XGBoosterCreate)* create_booster = nullptr;
  decltype(XGBoosterSetParam)* set_parameter = nullptr;
  decltype(XGBoosterUpdateOneIter)* update = nullptr;
  decltype(XGBoosterSaveModelToBuffer)* save = nullptr;
  decltype(XGBoosterFree)* free_booster = nullptr;
};

/// Trains boosted trees with XGBoost.
class XgboostLibrary {
 public:
  static Result<std::shared_ptr<const XgboostLibrary>> load();

  /// `rows`: that check() lets pass.
  [[nodiscard]] Result<std::unique_ptr<learn::Estimator>> train(
      const LabelledRows& rows, const BoostingOptions& options) const;

 private:
  XgboostFunctions functions_;
};

}  // namespace godwit::train
