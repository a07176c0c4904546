#include "godwit/dataset/openstack_profiles.h"

#include <fmt/format.h>

#include <algorithm>

#include "godwit/dataset/csv.h"

namespace godwit::dataset {
namespace {

constexpr std::string_view kTotal = "total_s";
constexpr std::string_view kDowntime = "downtime_ms";
constexpr std::string_view kLostPings = "lost_pings";  // a result, too

}  // namespace

Result<MonitoredRuns> read_openstack_profiles(std::string_view csv) {
  GODWIT_TRY(const CsvTable table, CsvTable::parse(csv));
  MonitoredRuns all;
  for (const std::string& column : table.columns()) {
    if (column != kTotal && column != kDowntime && column != kLostPings) {
      all.features.push_back(column);
    }
  }
  for (std::size_t i = 0; i < table.rows(); ++i) {
    CsvRow row(table, i);
    MonitoredRun run;
    run.total_time = Seconds(row.number(kTotal));
    run.downtime = row.milliseconds(kDowntime);
    for (const std::string& feature : all.features) {
      run.features.push_back(row.signed_number(feature));
    }
    GODWIT_CHECK_OK(row.good());
    if (run.total_time <= Seconds(0)) {
      return fail(ErrorCode::kCorrupt, fmt::format("row {}: no time", i + 1));
    }
    all.runs.push_back(std::move(run));
  }
  return all;
}

}  // namespace godwit::dataset
