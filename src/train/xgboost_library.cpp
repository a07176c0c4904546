#include "xgboost_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/statistics.h"
#include "godwit/learn/boosted_trees.h"
#include "shared_library.h"

namespace godwit::train {
namespace {

using learn::BoostedTrees;
using learn::RegressionTree;

/// A training in XGBoost: its matrix and its booster, given back at the end.
class Training {
 public:
  explicit Training(const XgboostFunctions& xgboost) : xgboost_(xgboost) {}
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;
  ~Training() {
    if (booster_ != nullptr) xgboost_.free_booster(booster_);
    if (matrix_ != nullptr) xgboost_.free_matrix(matrix_);
  }

  Result<void> set_rows(const LabelledRows& rows, const std::vector<float>& labels);
  Result<void> set_options(const BoostingOptions& options);
  Result<void> run(int trees);
  [[nodiscard]] Result<std::vector<RegressionTree>> trees() const;

 private:
  [[nodiscard]] Result<void> ok(int status) const {
    if (status == 0) return {};
    return fail(ErrorCode::kInternal, fmt::format("XGBoost: {}", xgboost_.last_error()));
  }

  const XgboostFunctions& xgboost_;
  DMatrixHandle matrix_ = nullptr;
  BoosterHandle booster_ = nullptr;
};

Result<void> Training::set_rows(const LabelledRows& rows, const std::vector<float>& labels) {
  std::vector<float> values;
  values.reserve(rows.size() * rows.features.size());
  for (const auto& row : rows.rows) {
    for (const double value : row) values.push_back(static_cast<float>(value));
  }
  constexpr int kThreads = 1;
  GODWIT_CHECK_OK(
      ok(xgboost_.create_matrix(values.data(), rows.size(), rows.features.size(),
                                std::numeric_limits<float>::quiet_NaN(), &matrix_, kThreads)));
  return ok(xgboost_.set_float_info(matrix_, "label", labels.data(), labels.size()));
}

Result<void> Training::set_options(const BoostingOptions& o) {
  GODWIT_CHECK_OK(ok(xgboost_.create_booster(&matrix_, 1, &booster_)));
  const auto set = [&](const char* name, const std::string& value) {
    return ok(xgboost_.set_parameter(booster_, name, value.c_str()));
  };
  GODWIT_CHECK_OK(set("objective", "reg:squarederror"));
  GODWIT_CHECK_OK(set("tree_method", "hist"));
  GODWIT_CHECK_OK(set("max_depth", std::to_string(o.depth)));
  GODWIT_CHECK_OK(set("eta", fmt::format("{}", o.rate)));
  GODWIT_CHECK_OK(set("min_child_weight", fmt::format("{}", o.least_weight)));
  GODWIT_CHECK_OK(set("subsample", fmt::format("{}", o.rows_per_tree)));
  GODWIT_CHECK_OK(set("colsample_bytree", fmt::format("{}", o.columns_per_tree)));
  GODWIT_CHECK_OK(set("lambda", fmt::format("{}", o.smoothing)));
  GODWIT_CHECK_OK(set("base_score", "0"));
  GODWIT_CHECK_OK(set("nthread", "1"));
  GODWIT_CHECK_OK(set("seed", std::to_string(o.seed)));
  return set("verbosity", "0");
}

Result<void> Training::run(int trees) {
  for (int i = 0; i < trees; ++i) {
    GODWIT_CHECK_OK(ok(xgboost_.update(booster_, i, matrix_)));
  }
  return {};
}

/// Throws what nlohmann::json throws.
RegressionTree tree_of(const Json& json) {
  RegressionTree tree;
  tree.left = json.at("left_children").get<std::vector<int>>();
  tree.right = json.at("right_children").get<std::vector<int>>();
  tree.feature = json.at("split_indices").get<std::vector<int>>();
  tree.threshold = json.at("split_conditions").get<std::vector<float>>();
  for (const Json& one : json.at("default_left")) {
    tree.unknown_left.push_back(one.is_boolean() ? static_cast<int>(one.get<bool>())
                                                 : one.get<int>());
  }
  return tree;
}

/// Out of what XGBoost saves as JSON.
Result<std::vector<RegressionTree>> Training::trees() const {
  bst_ulong size = 0;
  const char* text = nullptr;
  GODWIT_CHECK_OK(ok(xgboost_.save(booster_, R"({"format":"json"})", &size, &text)));
  std::vector<RegressionTree> trees;
  try {
    const Json model = Json::parse(text, text + size);
    const Json& forest = model.at("learner").at("gradient_booster").at("model").at("trees");
    for (const Json& one : forest) trees.push_back(tree_of(one));
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kInternal,
                fmt::format("XGBoost's model is not understood: {}", e.what()));
  }
  return trees;
}

/// Mean and deviation, or, robust, those of a normal distribution with the same middle 80 %.
Moments center_of(const std::vector<double>& values, bool robust) {
  if (!robust) return moments_of(values);
  constexpr double kNormal90 = 1.2815515655446004;
  const double width = quantile(values, 0.9) - quantile(values, 0.1);
  return {quantile(values, 0.5), width / (2 * kNormal90)};
}

/// The labels on the scale that trees are trained on, which `trees` is told.
std::vector<float> scaled_labels(const LabelledRows& rows, bool robust,
                                 BoostedTrees::Parts& trees) {
  constexpr double kFar = 3;
  const Moments center = center_of(rows.labels, robust);
  trees.target_middle = center.mean;
  if (center.deviation > 0) trees.target_deviation = center.deviation;
  std::vector<float> labels;
  for (const double y : rows.labels) {
    const double scaled = (y - trees.target_middle) / trees.target_deviation;
    labels.push_back(static_cast<float>(robust ? std::clamp(scaled, -kFar, kFar) : scaled));
  }
  return labels;
}

}  // namespace

Result<std::shared_ptr<const XgboostLibrary>> XgboostLibrary::load() {
  GODWIT_TRY(const SharedLibrary library, SharedLibrary::load(GODWIT_XGBOOST));
  auto xgboost = std::make_shared<XgboostLibrary>();
  XgboostFunctions& f = xgboost->functions_;
  GODWIT_CHECK_OK(library.find("XGBGetLastError", f.last_error));
  GODWIT_CHECK_OK(library.find("XGDMatrixCreateFromMat_omp", f.create_matrix));
  GODWIT_CHECK_OK(library.find("XGDMatrixSetFloatInfo", f.set_float_info));
  GODWIT_CHECK_OK(library.find("XGDMatrixFree", f.free_matrix));
  GODWIT_CHECK_OK(library.find("XGBoosterCreate", f.create_booster));
  GODWIT_CHECK_OK(library.find("XGBoosterSetParam", f.set_parameter));
  GODWIT_CHECK_OK(library.find("XGBoosterUpdateOneIter", f.update));
  GODWIT_CHECK_OK(library.find("XGBoosterSaveModelToBuffer", f.save));
  GODWIT_CHECK_OK(library.find("XGBoosterFree", f.free_booster));
  return std::shared_ptr<const XgboostLibrary>(std::move(xgboost));
}

Result<std::unique_ptr<learn::Estimator>> XgboostLibrary::train(
    const LabelledRows& rows, const BoostingOptions& options) const {
  BoostedTrees::Parts trees;
  trees.features = rows.features.size();
  const std::vector<float> labels = scaled_labels(rows, options.robust, trees);
  Training training(functions_);
  GODWIT_CHECK_OK(training.set_rows(rows, labels));
  GODWIT_CHECK_OK(training.set_options(options));
  GODWIT_CHECK_OK(training.run(options.trees));
  GODWIT_TRY(trees.trees, training.trees());
  return std::unique_ptr<learn::Estimator>(std::make_unique<BoostedTrees>(std::move(trees)));
}

}  // namespace godwit::train
