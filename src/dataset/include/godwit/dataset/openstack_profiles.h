#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::dataset {

/// Migrations of the public set `openstack_profiles`: what was monitored of guest and hosts in the
/// 30 s before, and what came of it (GitHub dpnm-ni/ni-live-migration, 4608a0c).
struct MonitoredRun {
  std::vector<double> features;  ///< as MonitoredRuns::features
  Seconds total_time{};
  Seconds downtime{};
};
struct MonitoredRuns {
  std::vector<std::string> features;
  std::vector<MonitoredRun> runs;  ///< in the file's order
};

/// kCorrupt: not that table, a field that is no number.
Result<MonitoredRuns> read_openstack_profiles(std::string_view csv);

}  // namespace godwit::dataset
