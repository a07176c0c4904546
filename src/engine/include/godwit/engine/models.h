#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "godwit/dataset/campaign.h"
#include "godwit/domain/outcome.h"
#include "godwit/learn/learnt_model.h"
#include "godwit/twin/host_pair.h"

namespace godwit::cli {

/// What `godwit learn` left in its usual place; null where there is nothing, or, with a warning,
/// nothing that can be used.
std::shared_ptr<const learn::LearntModel> usual_model();

/// kNotFound, kCorrupt.
Result<learn::LearntModel> read_model(const std::filesystem::path& path);

/// A folder's data set, by default godwit's own.
Result<std::vector<dataset::CampaignRow>> read_data_set(const std::string& folder);

/// What a model knows of a pair of hosts that nobody has seen; the stated constants without one.
twin::HostPairConstants usual_pair(const learn::LearntModel* model);
/// What migrations to the same place, or the same stream's host, taught of the pair of hosts; as
/// `usual` where there are too few.
twin::HostPairConstants learnt_pair(std::span<const OutcomeRecord> history,
                                    const std::string& destination, const std::string& stream,
                                    const twin::HostPairConstants& usual);

}  // namespace godwit::cli
