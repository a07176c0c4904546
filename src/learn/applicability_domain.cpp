#include "godwit/learn/applicability_domain.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "godwit/base/statistics.h"
#include "godwit/learn/features.h"
#include "json_numbers.h"

namespace godwit::learn {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Examples that mark the domain, at most: each prediction is compared with all of them.
constexpr std::size_t kMostRows = 1500;

/// Root of the mean squared difference, over the features that both know.
double distance_between(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  double n = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (std::isnan(a[k]) || std::isnan(b[k])) continue;
    sum += (a[k] - b[k]) * (a[k] - b[k]);
    ++n;
  }
  return n > 0 ? std::sqrt(sum / n) : kInfinity;
}

std::vector<double> scaled(const ApplicabilityDomain& domain, std::vector<double> row) {
  for (std::size_t k = 0; k < row.size(); ++k) {
    row[k] = (row[k] - domain.center[k]) / domain.deviation[k];
  }
  return row;
}

void add_scale(ApplicabilityDomain& domain, const std::vector<std::vector<double>>& rows,
               std::size_t k) {
  constexpr double kLeastVariation = 3e-5;
  std::vector<double> column;
  for (const auto& row : rows) column.push_back(row[k]);
  const Moments moments = moments_of(column);
  domain.center.push_back(moments.mean);
  domain.deviation.push_back(moments.deviation > kLeastVariation ? moments.deviation : 1);
}

/// `loads`: of each row.
double reach_of(const std::vector<std::vector<double>>& rows,
                const std::vector<std::string>& loads) {
  std::vector<double> nearest;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double least = kInfinity;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (loads[i] != loads[j]) least = std::min(least, distance_between(rows[i], rows[j]));
    }
    if (std::isfinite(least)) nearest.push_back(least);
  }
  return nearest.empty() ? 1 : std::max(1e-6, quantile(std::move(nearest), 0.99));
}

// --- JSON has no NaN: null ---

Json json_of(const std::vector<double>& row) {
  Json list = Json::array();
  for (const double value : row) list.push_back(std::isnan(value) ? Json() : Json(value));
  return list;
}

std::vector<double> row_from(const Json& json) {
  std::vector<double> row;
  for (const Json& value : json) {
    row.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return row;
}

}  // namespace

ApplicabilityDomain domain_of(std::span<const TrainingExample> examples) {
  const std::size_t step = (examples.size() + kMostRows - 1) / kMostRows;
  std::vector<std::vector<double>> rows;
  std::vector<std::string> loads;
  for (std::size_t i = 0; i < examples.size(); i += step) {
    const TrainingExample& example = examples[i];
    rows.push_back(features_of(example.profile, example.link, example.predicted));
    loads.push_back(example.load);
  }
  ApplicabilityDomain domain;
  for (std::size_t k = 0; k < feature_names().size(); ++k) add_scale(domain, rows, k);
  for (auto& row : rows) domain.rows.push_back(scaled(domain, std::move(row)));
  domain.reach = reach_of(domain.rows, loads);
  return domain;
}

double distance_from(const ApplicabilityDomain& domain, std::vector<double> features) {
  double least = kInfinity;
  if (domain.rows.empty()) return least;
  const std::vector<double> row = scaled(domain, std::move(features));
  for (const auto& example : domain.rows) least = std::min(least, distance_between(row, example));
  return least / domain.reach;
}

Json to_json(const ApplicabilityDomain& domain) {
  Json rows = Json::array();
  for (const auto& row : domain.rows) rows.push_back(json_of(row));
  return Json{{"center", domain.center},
              {"deviation", domain.deviation},
              {"reach", domain.reach},
              {"rows", std::move(rows)}};
}

Result<ApplicabilityDomain> domain_from_json(const Json& json) {
  const std::size_t width = feature_names().size();
  ApplicabilityDomain domain;
  GODWIT_TRY(domain.center, numbers_in(json, "center", width));
  GODWIT_TRY(domain.deviation, numbers_in(json, "deviation", width));
  domain.reach = json.at("reach").get<double>();
  for (const Json& row : json.at("rows")) {
    domain.rows.push_back(row_from(row));
    if (domain.rows.back().size() != width) return fail(ErrorCode::kCorrupt, "a short row");
  }
  const bool sound =
      domain.reach > 0 &&
      std::all_of(domain.deviation.begin(), domain.deviation.end(), [](double d) { return d > 0; });
  if (!sound) return fail(ErrorCode::kCorrupt, "a scale that is not above 0");
  return domain;
}

}  // namespace godwit::learn
