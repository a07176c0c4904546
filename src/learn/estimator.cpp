#include "godwit/learn/estimator.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "godwit/learn/boosted_trees.h"
#include "godwit/learn/support_vectors.h"

namespace godwit::learn {

Result<std::unique_ptr<Estimator>> estimator_from_json(const Json& json) {
  if (!json.is_object() || !json.contains("kind") || !json["kind"].is_string()) {
    return fail(ErrorCode::kCorrupt, "an estimator does not say of what kind it is");
  }
  const std::string kind = json["kind"].get<std::string>();
  if (kind == SupportVectors::kKind) return SupportVectors::from_json(json);
  if (kind == BoostedTrees::kKind) return BoostedTrees::from_json(json);
  return fail(ErrorCode::kCorrupt, fmt::format("unknown kind of estimator '{}'", kind));
}

}  // namespace godwit::learn
