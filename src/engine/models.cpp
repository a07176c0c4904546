#include "godwit/engine/models.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/log.h"
#include "godwit/learn/host_pair.h"

namespace godwit::engine {

Result<learn::LearntModel> read_model(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return fail(ErrorCode::kNotFound, fmt::format("'{}' cannot be read", path.native()),
                "make a model with: godwit learn");
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto decode = [&]() -> Result<learn::LearntModel> {
    // not parse_json: a model has more and deeper parts than any message
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) {
      return fail(ErrorCode::kCorrupt, "no JSON, or cut short", "make it anew with: godwit learn");
    }
    return learn::LearntModel::from_json(json);
  };
  auto model = decode();
  if (!model) return fail(model.error().while_doing(fmt::format("reading '{}'", path.native())));
  return model;
}

namespace {

std::optional<std::filesystem::path> usual_place(const Places& places) {
  const auto path = places.model();
  std::error_code ignored;
  if (path && std::filesystem::exists(*path, ignored)) return *path;
  return places.older_model();
}

}  // namespace

std::shared_ptr<const learn::LearntModel> usual_model(const Places& places) {
  const auto path = usual_place(places);
  if (!path) return nullptr;
  auto model = read_model(*path);
  if (model) return std::make_shared<const learn::LearntModel>(std::move(*model));
  log::warning("predicted without what was learnt: {}; {}", model.error().message,
               model.error().what_to_do.text());
  return nullptr;
}

twin::HostPairConstants usual_pair(const learn::LearntModel* model) {
  return model != nullptr ? model->pair() : twin::HostPairConstants();
}

twin::HostPairConstants learnt_pair(std::span<const OutcomeRecord> history,
                                    const twin::HostPairConstants& usual) {
  std::vector<learn::PairSample> samples;
  for (const OutcomeRecord& record : history) {
    const MigrationOutcome& outcome = record.outcome;
    const bool usable = record.profile && record.link &&
                        outcome.status == OutcomeStatus::kCompleted && outcome.total_time &&
                        outcome.transferred.qemu && !outcome.storage && !was_steered(outcome);
    if (!usable) continue;
    samples.push_back({&*record.profile, outcome.technique, outcome.parameters, *record.link,
                       *outcome.total_time, outcome.downtime, *outcome.transferred.qemu});
  }
  return learn::learn_pair(samples, usual);
}

}  // namespace godwit::engine
