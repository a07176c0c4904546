#pragma once

#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/dataset/campaign.h"

namespace godwit::research {

/// A folder's data set (docs/research/data.md), by default godwit's own.
Result<std::vector<dataset::CampaignRow>> read_data_set(const std::string& folder);

}  // namespace godwit::research
