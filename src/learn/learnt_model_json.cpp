#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "godwit/learn/features.h"
#include "godwit/learn/host_pair.h"
#include "godwit/learn/learnt_model.h"

/// The file that `godwit learn` keeps.

namespace godwit::learn {
namespace {

/// Raised whenever the file's form changes, or the twin that corrections are of: its algorithm or
/// stated constants.
constexpr int kVersion = 3;
constexpr const char* kWhat = "godwit-learnt-model";
constexpr const char* kLearnAnew = "learn it anew with: godwit learn";

std::vector<std::string> features() {
  const auto names = feature_names();
  return {names.begin(), names.end()};
}

Result<void> check_head(const Json& json) {
  if (!json.is_object() || json.value("what", "") != kWhat) {
    return fail(ErrorCode::kCorrupt, "this is no model that godwit learnt",
                "make one with: godwit learn");
  }
  if (json.value("version", 0) != kVersion) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("a model of version {}, not {}", json.value("version", 0), kVersion),
                kLearnAnew);
  }
  if (!json.contains("features") || json["features"] != Json(features())) {
    return fail(ErrorCode::kCorrupt, "a model of other features, or in another order", kLearnAnew);
  }
  return {};
}

}  // namespace

Json LearntModel::to_json() const {
  Json corrections = Json::array();
  for (const Correction& one : parts_.corrections) corrections.push_back(learn::to_json(one));
  return Json{{"what", kWhat},
              {"version", kVersion},
              {"data", {{"source", parts_.source}, {"migrations", parts_.examples}}},
              {"features", features()},
              {"pair", learn::to_json(parts_.pair)},
              {"corrections", std::move(corrections)},
              {"applicability_domain", learn::to_json(parts_.domain)}};
}

Result<LearntModel> LearntModel::from_json(const Json& json) {
  Parts parts;
  try {
    GODWIT_CHECK_OK(check_head(json));
    parts.source = json.at("data").at("source").get<std::string>();
    parts.examples = json.at("data").at("migrations").get<std::size_t>();
    GODWIT_TRY(parts.pair, pair_from_json(json.at("pair")));
    for (const Json& one : json.at("corrections")) {
      GODWIT_TRY(Correction correction, correction_from_json(one));
      parts.corrections.push_back(std::move(correction));
    }
    GODWIT_TRY(parts.domain, domain_from_json(json.at("applicability_domain")));
  } catch (const Json::exception& e) {
    return fail(ErrorCode::kCorrupt, fmt::format("the model is cut short or broken: {}", e.what()),
                kLearnAnew);
  }
  return LearntModel(std::move(parts));
}

}  // namespace godwit::learn
