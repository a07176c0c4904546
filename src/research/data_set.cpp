#include "data_set.h"

#include <filesystem>

#include "godwit/store/gzip.h"
#include "godwit/terminal/shipped_files.h"

namespace godwit::research {

Result<std::vector<dataset::CampaignRow>> read_data_set(const std::string& folder) {
  const std::filesystem::path data =
      folder.empty() ? terminal::beside_program("../data", "data") : std::filesystem::path(folder);
  GODWIT_TRY(const std::string rows, store::read_gzip(data / "migrations.csv.gz"));
  GODWIT_TRY(const std::string profiles, store::read_gzip(data / "profiles.jsonl.gz"));
  return dataset::read_campaign(rows, profiles);
}

}  // namespace godwit::research
