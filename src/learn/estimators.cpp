#include "estimators.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace godwit::learn {

Result<std::vector<double>> numbers_in(const Json& json, const char* key, std::size_t size) {
  const auto bad = [key](const char* what) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} {}", key, what));
  };
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end() || !found->is_array()) return bad("is no list");
  std::vector<double> numbers;
  for (const Json& one : *found) {
    if (!one.is_number() || !std::isfinite(one.get<double>())) return bad("holds no numbers only");
    numbers.push_back(one.get<double>());
  }
  if (size > 0 && numbers.size() != size) return bad("is of another length than it should be");
  return numbers;
}

Result<std::unique_ptr<Estimator>> estimator_from_json(const Json& json) {
  if (!json.is_object() || !json.contains("kind") || !json["kind"].is_string()) {
    return fail(ErrorCode::kCorrupt, "an estimator does not say of what kind it is");
  }
  const std::string kind = json["kind"].get<std::string>();
  if (kind == kSvrKind) return svr_from_json(json);
  if (kind == kBoostingKind) return boosting_from_json(json);
  return fail(ErrorCode::kCorrupt, fmt::format("unknown kind of estimator '{}'", kind));
}

}  // namespace godwit::learn
