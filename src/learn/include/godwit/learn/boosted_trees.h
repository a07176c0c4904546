#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "godwit/learn/estimator.h"

namespace godwit::learn {

/// A regression tree in flat form, by node. A leaf has no children: its threshold is its value.
struct RegressionTree {
  std::vector<int> left;  ///< -1: a leaf
  std::vector<int> right;
  std::vector<int> feature;
  std::vector<float> threshold;  ///< below it to the left
  std::vector<int> unknown_left;

  [[nodiscard]] float value(std::span<const float> row) const;
};

/// The sum of gradient-boosted trees.
class BoostedTrees final : public Estimator {
 public:
  static constexpr const char* kKind = "boosting";

  struct Parts {
    std::size_t features = 0;
    double base = 0;
    double target_middle = 0;  ///< of the scale that the trees were trained on
    double target_deviation = 1;
    std::vector<RegressionTree> trees;
  };
  explicit BoostedTrees(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] double predict(std::span<const double> row) const override;
  [[nodiscard]] std::size_t width() const override { return parts_.features; }
  [[nodiscard]] Json to_json() const override;
  static Result<std::unique_ptr<Estimator>> from_json(const Json& json);

 private:
  Parts parts_;
};

}  // namespace godwit::learn
