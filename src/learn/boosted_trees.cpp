#include "godwit/learn/boosted_trees.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace godwit::learn {
namespace {

/// Of each node: children that come after it, a feature that exists. Then no walk is endless.
bool sound(const RegressionTree& tree, std::size_t features) {
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

/// Throws what nlohmann::json throws.
RegressionTree tree_from(const Json& json) {
  RegressionTree tree;
  tree.left = json.at("left").get<std::vector<int>>();
  tree.right = json.at("right").get<std::vector<int>>();
  tree.feature = json.at("feature").get<std::vector<int>>();
  tree.threshold = json.at("threshold").get<std::vector<float>>();
  tree.unknown_left = json.at("unknown_left").get<std::vector<int>>();
  return tree;
}

}  // namespace

float RegressionTree::value(std::span<const float> row) const {
  std::size_t node = 0;
  while (left[node] >= 0) {
    const float x = row[static_cast<std::size_t>(feature[node])];
    const bool to_left = std::isnan(x) ? unknown_left[node] != 0 : x < threshold[node];
    node = static_cast<std::size_t>(to_left ? left[node] : right[node]);
  }
  return threshold[node];
}

double BoostedTrees::predict(std::span<const double> row) const {
  // as XGBoost compares: in single precision
  std::vector<float> x(parts_.features);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(row[k]);
  double sum = parts_.base;
  for (const RegressionTree& tree : parts_.trees) sum += static_cast<double>(tree.value(x));
  return sum * parts_.target_deviation + parts_.target_middle;
}

Json BoostedTrees::to_json() const {
  Json list = Json::array();
  for (const RegressionTree& tree : parts_.trees) {
    list.push_back({{"left", tree.left},
                    {"right", tree.right},
                    {"feature", tree.feature},
                    {"threshold", tree.threshold},
                    {"unknown_left", tree.unknown_left}});
  }
  return Json{{"kind", kKind},
              {"features", parts_.features},
              {"base", parts_.base},
              {"target_middle", parts_.target_middle},
              {"target_deviation", parts_.target_deviation},
              {"trees", std::move(list)}};
}

Result<std::unique_ptr<Estimator>> BoostedTrees::from_json(const Json& json) {
  Parts parts;
  try {
    parts.features = json.at("features").get<std::size_t>();
    parts.base = json.at("base").get<double>();
    parts.target_middle = json.at("target_middle").get<double>();
    parts.target_deviation = json.at("target_deviation").get<double>();
    for (const Json& one : json.at("trees")) {
      parts.trees.push_back(tree_from(one));
      if (!sound(parts.trees.back(), parts.features)) {
        return fail(ErrorCode::kCorrupt, "a tree is broken");
      }
    }
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kCorrupt, fmt::format("boosted trees: {}", e.what()));
  }
  return std::unique_ptr<Estimator>(std::make_unique<BoostedTrees>(std::move(parts)));
}

}  // namespace godwit::learn
