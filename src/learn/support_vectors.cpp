#include "godwit/learn/support_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "json_numbers.h"

namespace godwit::learn {
namespace {

Result<std::vector<std::vector<double>>> vectors_in(const Json& json, std::size_t count,
                                                    std::size_t width) {
  if (!json.contains("vectors") || !json["vectors"].is_array() || json["vectors"].size() != count) {
    return fail(ErrorCode::kCorrupt, "support vectors and their weights differ in number");
  }
  std::vector<std::vector<double>> vectors;
  for (const Json& vector : json["vectors"]) {
    GODWIT_TRY(std::vector<double> numbers, numbers_in(Json{{"vector", vector}}, "vector", width));
    vectors.push_back(std::move(numbers));
  }
  return vectors;
}

bool sound(const ColumnScale& scale) {
  for (std::size_t k = 0; k < scale.mean.size(); ++k) {
    if (!(scale.deviation[k] > 0 && scale.low[k] <= scale.high[k])) return false;
  }
  return true;
}

}  // namespace

double ColumnScale::scaled(std::size_t column, double value) const {
  if (std::isnan(value)) return 0;
  return (std::clamp(value, low[column], high[column]) - mean[column]) / deviation[column];
}

double SupportVectors::predict(std::span<const double> row) const {
  std::vector<double> x(width());
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = parts_.features.scaled(k, row[k]);
  double sum = -parts_.bias;
  for (std::size_t i = 0; i < parts_.vectors.size(); ++i) {
    const std::vector<double>& vector = parts_.vectors[i];
    double distance = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      distance += (x[k] - vector[k]) * (x[k] - vector[k]);
    }
    sum += parts_.weights[i] * std::exp(-parts_.gamma * distance);
  }
  return sum * parts_.target.deviation[0] + parts_.target.mean[0];
}

Json SupportVectors::to_json() const {
  return Json{{"kind", kKind},
              {"mean", parts_.features.mean},
              {"deviation", parts_.features.deviation},
              {"low", parts_.features.low},
              {"high", parts_.features.high},
              {"target_mean", parts_.target.mean},
              {"target_deviation", parts_.target.deviation},
              {"gamma", parts_.gamma},
              {"bias", parts_.bias},
              {"vectors", parts_.vectors},
              {"weights", parts_.weights}};
}

Result<std::unique_ptr<Estimator>> SupportVectors::from_json(const Json& json) {
  Parts parts;
  GODWIT_TRY(parts.features.mean, numbers_in(json, "mean"));
  const std::size_t width = parts.features.mean.size();
  GODWIT_TRY(parts.features.deviation, numbers_in(json, "deviation", width));
  GODWIT_TRY(parts.features.low, numbers_in(json, "low", width));
  GODWIT_TRY(parts.features.high, numbers_in(json, "high", width));
  GODWIT_TRY(parts.target.mean, numbers_in(json, "target_mean", 1));
  GODWIT_TRY(parts.target.deviation, numbers_in(json, "target_deviation", 1));
  GODWIT_TRY(parts.weights, numbers_in(json, "weights"));
  GODWIT_TRY(parts.vectors, vectors_in(json, parts.weights.size(), width));
  for (const auto& [key, value] : {std::pair{"gamma", &parts.gamma}, {"bias", &parts.bias}}) {
    if (!json.contains(key) || !json[key].is_number()) {
      return fail(ErrorCode::kCorrupt, fmt::format("{} is no number", key));
    }
    *value = json[key].get<double>();
  }
  if (!sound(parts.features)) return fail(ErrorCode::kCorrupt, "a scale is not above 0");
  return std::unique_ptr<Estimator>(std::make_unique<SupportVectors>(std::move(parts)));
}

}  // namespace godwit::learn
