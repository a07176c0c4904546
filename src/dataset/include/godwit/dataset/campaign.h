#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/technique.h"

namespace godwit::dataset {

/// One trial of Godwit's own data set (docs/research/data.md).
struct CampaignRow {
  std::string run;  ///< with `number`: its name for ever
  std::int64_t number = 0;
  std::string status;  ///< completed, did_not_converge, cancelled, failed, broken
  Technique technique;
  MigrationParameters parameters;
  std::optional<Seconds> max_time;
  std::string load;  ///< its kind
  std::string spec;  ///< all of it (guest/README.md)
  Link link;
  Bytes ram;
  std::optional<Seconds> total_time;
  Downtime downtime;
  std::optional<Bytes> transferred;  ///< as QEMU counts
  std::optional<Ratio> work_lost;    ///< by the guest while it migrated, against its pace before
  std::optional<Seconds> host_cpu;   ///< of the two QEMUs, vCPUs included
  std::optional<GuestProfile> profile;

  [[nodiscard]] bool completed() const { return status == "completed"; }
};

/// The rows, each with its profile from the other file's lines, where it has one. kCorrupt: not
/// those files, a technique that nobody knows, a profile that is broken, values that contradict
/// each other, as where two columns stand in each other's place.
Result<std::vector<CampaignRow>> read_campaign(std::string_view csv, std::string_view profiles);

}  // namespace godwit::dataset
