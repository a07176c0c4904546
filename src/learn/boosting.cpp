#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "estimators.h"
#include "godwit/base/statistics.h"

namespace godwit::learn {
namespace {

/// A tree in flat form, by node. A leaf has no children: its threshold is its value.
struct Tree {
  std::vector<int> left;  ///< -1: a leaf
  std::vector<int> right;
  std::vector<int> feature;
  std::vector<float> threshold;  ///< below it to the left
  std::vector<int> unknown_left;

  [[nodiscard]] float value(std::span<const float> row) const {
    std::size_t node = 0;
    while (left[node] >= 0) {
      const float x = row[static_cast<std::size_t>(feature[node])];
      const bool to_left = std::isnan(x) ? unknown_left[node] != 0 : x < threshold[node];
      node = static_cast<std::size_t>(to_left ? left[node] : right[node]);
    }
    return threshold[node];
  }
};

class Forest final : public Estimator {
 public:
  std::size_t features = 0;
  double base = 0;
  double target_middle = 0;
  double target_deviation = 1;
  std::vector<Tree> trees;

  [[nodiscard]] double predict(std::span<const double> row) const override {
    // as XGBoost compares: in single precision
    std::vector<float> x(features);
    for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(row[k]);
    double sum = base;
    for (const Tree& tree : trees) sum += static_cast<double>(tree.value(x));
    return sum * target_deviation + target_middle;
  }
  [[nodiscard]] std::size_t width() const override { return features; }
  [[nodiscard]] Json to_json() const override {
    Json list = Json::array();
    for (const Tree& tree : trees) {
      list.push_back({{"left", tree.left},
                      {"right", tree.right},
                      {"feature", tree.feature},
                      {"threshold", tree.threshold},
                      {"unknown_left", tree.unknown_left}});
    }
    return Json{{"kind", kBoostingKind},
                {"features", features},
                {"base", base},
                {"target_middle", target_middle},
                {"target_deviation", target_deviation},
                {"trees", std::move(list)}};
  }
};

/// XGBoost's own objects, given back at the end.
class Matrix {
 public:
  Matrix() = default;
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;
  ~Matrix() {
    if (handle != nullptr) XGDMatrixFree(handle);
  }
  DMatrixHandle handle = nullptr;
};
class Booster {
 public:
  Booster() = default;
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;
  ~Booster() {
    if (handle != nullptr) XGBoosterFree(handle);
  }
  BoosterHandle handle = nullptr;
};

Result<void> ok(int status) {
  if (status == 0) return {};
  return fail(ErrorCode::kInternal, fmt::format("XGBoost: {}", XGBGetLastError()));
}

/// The target to 0 and 1 and back.
struct Targets {
  double middle = 0;
  double deviation = 1;
  std::vector<float> scaled;
};

/// Mean and deviation, or, robust, those of a normal distribution with the same middle 80 %.
Moments center_of(const std::vector<double>& values, bool robust) {
  if (!robust) return moments_of(values);
  constexpr double kNormal90 = 1.2815515655446004;
  const double width = quantile(values, 0.9) - quantile(values, 0.1);
  return {quantile(values, 0.5), width / (2 * kNormal90)};
}

Targets targets_of(const Samples& samples, bool robust) {
  constexpr double kFar = 3;
  const Moments center = center_of(samples.targets, robust);
  Targets targets;
  targets.middle = center.mean;
  if (center.deviation > 0) targets.deviation = center.deviation;
  for (const double y : samples.targets) {
    const double scaled = (y - targets.middle) / targets.deviation;
    targets.scaled.push_back(static_cast<float>(robust ? std::clamp(scaled, -kFar, kFar) : scaled));
  }
  return targets;
}

Result<void> fill(Matrix& matrix, const Samples& samples, const Targets& targets) {
  std::vector<float> values;
  values.reserve(samples.size() * samples.features.size());
  for (const auto& row : samples.rows) {
    for (const double value : row) values.push_back(static_cast<float>(value));
  }
  constexpr int kThreads = 1;
  GODWIT_CHECK_OK(ok(XGDMatrixCreateFromMat_omp(
      values.data(), samples.size(), samples.features.size(),
      std::numeric_limits<float>::quiet_NaN(), &matrix.handle, kThreads)));
  return ok(
      XGDMatrixSetFloatInfo(matrix.handle, "label", targets.scaled.data(), targets.scaled.size()));
}

Result<void> set_up(Booster& booster, const Matrix& matrix, const BoostingOptions& o) {
  GODWIT_CHECK_OK(ok(XGBoosterCreate(&matrix.handle, 1, &booster.handle)));
  const auto set = [&](const char* name, const std::string& value) {
    return ok(XGBoosterSetParam(booster.handle, name, value.c_str()));
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

Result<Tree> tree_of(const Json& json) {
  const auto list = [&json](const char* key) -> const Json& { return json.at(key); };
  Tree tree;
  tree.left = list("left_children").get<std::vector<int>>();
  tree.right = list("right_children").get<std::vector<int>>();
  tree.feature = list("split_indices").get<std::vector<int>>();
  tree.threshold = list("split_conditions").get<std::vector<float>>();
  for (const Json& one : list("default_left")) {
    tree.unknown_left.push_back(one.is_boolean() ? static_cast<int>(one.get<bool>())
                                                 : one.get<int>());
  }
  return tree;
}

/// The trees out of what XGBoost saves as JSON.
Result<std::vector<Tree>> trees_of(const Booster& booster) {
  bst_ulong size = 0;
  const char* text = nullptr;
  GODWIT_CHECK_OK(
      ok(XGBoosterSaveModelToBuffer(booster.handle, R"({"format":"json"})", &size, &text)));
  std::vector<Tree> trees;
  try {
    const Json model = Json::parse(text, text + size);
    const Json& forest = model.at("learner").at("gradient_booster").at("model").at("trees");
    for (const Json& one : forest) {
      GODWIT_TRY(Tree tree, tree_of(one));
      trees.push_back(std::move(tree));
    }
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kInternal,
                fmt::format("XGBoost's model is not understood: {}", e.what()));
  }
  return trees;
}

/// Of each node: children that come after it, a feature that exists. Then no walk is endless.
bool sound(const Tree& tree, std::size_t features) {
  const std::size_t nodes = tree.left.size();
  if (nodes == 0 || tree.right.size() != nodes || tree.feature.size() != nodes ||
      tree.threshold.size() != nodes || tree.unknown_left.size() != nodes) {
    return false;
  }
  for (std::size_t i = 0; i < nodes; ++i) {
    if (!std::isfinite(tree.threshold[i])) return false;
    if (tree.left[i] < 0) continue;
    const auto child = [&](int index) {
      return index > static_cast<int>(i) && index < static_cast<int>(nodes);
    };
    const bool known = tree.feature[i] >= 0 && tree.feature[i] < static_cast<int>(features);
    if (!child(tree.left[i]) || !child(tree.right[i]) || !known) return false;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Estimator>> train_boosting(const Samples& samples,
                                                  const BoostingOptions& options) {
  GODWIT_CHECK_OK(check(samples));
  const Targets targets = targets_of(samples, options.robust);
  Matrix matrix;
  Booster booster;
  GODWIT_CHECK_OK(fill(matrix, samples, targets));
  GODWIT_CHECK_OK(set_up(booster, matrix, options));
  for (int i = 0; i < options.trees; ++i) {
    GODWIT_CHECK_OK(ok(XGBoosterUpdateOneIter(booster.handle, i, matrix.handle)));
  }
  auto forest = std::make_unique<Forest>();
  forest->features = samples.features.size();
  forest->target_middle = targets.middle;
  forest->target_deviation = targets.deviation;
  GODWIT_TRY(forest->trees, trees_of(booster));
  return std::unique_ptr<Estimator>(std::move(forest));
}

Result<std::unique_ptr<Estimator>> boosting_from_json(const Json& json) {
  auto forest = std::make_unique<Forest>();
  try {
    forest->features = json.at("features").get<std::size_t>();
    forest->base = json.at("base").get<double>();
    forest->target_middle = json.at("target_middle").get<double>();
    forest->target_deviation = json.at("target_deviation").get<double>();
    for (const Json& one : json.at("trees")) {
      Tree tree;
      tree.left = one.at("left").get<std::vector<int>>();
      tree.right = one.at("right").get<std::vector<int>>();
      tree.feature = one.at("feature").get<std::vector<int>>();
      tree.threshold = one.at("threshold").get<std::vector<float>>();
      tree.unknown_left = one.at("unknown_left").get<std::vector<int>>();
      if (!sound(tree, forest->features)) return fail(ErrorCode::kCorrupt, "a tree is broken");
      forest->trees.push_back(std::move(tree));
    }
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kCorrupt, fmt::format("boosted trees: {}", e.what()));
  }
  return std::unique_ptr<Estimator>(std::move(forest));
}

}  // namespace godwit::learn
