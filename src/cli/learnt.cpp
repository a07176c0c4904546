#include "learnt.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "godwit/base/log.h"
#include "godwit/learn/host_pair.h"
#include "godwit/store/gzip.h"
#include "godwit/store/paths.h"
#include "link_estimate.h"
#include "shipped_files.h"

namespace godwit::cli {

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

std::shared_ptr<const learn::LearntModel> usual_model() {
  const auto path = store::default_model_path(std::getenv);
  std::error_code ignored;
  if (!path || !std::filesystem::exists(*path, ignored)) return nullptr;
  auto model = read_model(*path);
  if (model) return std::make_shared<const learn::LearntModel>(std::move(*model));
  log::warning("predicted without what was learnt: {}; {}", model.error().message,
               model.error().what_to_do.text());
  return nullptr;
}

Result<std::vector<dataset::CampaignRow>> read_data_set(const std::string& folder) {
  const std::filesystem::path data =
      folder.empty() ? beside_program("../data", "data") : std::filesystem::path(folder);
  GODWIT_TRY(const std::string rows, store::read_gzip(data / "migrations.csv.gz"));
  GODWIT_TRY(const std::string profiles, store::read_gzip(data / "profiles.jsonl.gz"));
  return dataset::read_campaign(rows, profiles);
}

twin::HostPairConstants usual_pair(const learn::LearntModel* model) {
  return model != nullptr ? model->pair() : twin::HostPairConstants();
}

twin::HostPairConstants learnt_pair(std::span<const OutcomeRecord> history,
                                    const std::string& destination, const std::string& stream,
                                    const twin::HostPairConstants& usual) {
  std::vector<learn::PairSample> samples;
  for (const OutcomeRecord& record : history) {
    const MigrationOutcome& outcome = record.outcome;
    const bool same_place =
        record.destination == destination || leads_to_host_of(record.destination, stream);
    const bool usable = same_place && record.profile && record.link &&
                        outcome.status == OutcomeStatus::kCompleted && outcome.total_time &&
                        outcome.transferred.qemu && !outcome.storage;
    if (!usable) continue;
    samples.push_back({&*record.profile, outcome.technique, outcome.parameters, *record.link,
                       *outcome.total_time, outcome.downtime, *outcome.transferred.qemu});
  }
  return learn::learn_pair(samples, usual);
}

}  // namespace godwit::cli
