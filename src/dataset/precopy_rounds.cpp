#include "godwit/dataset/precopy_rounds.h"

#include <fmt/format.h>

#include "godwit/dataset/csv.h"

namespace godwit::dataset {

Result<std::vector<PrecopyRun>> read_precopy_rounds(std::string_view csv) {
  GODWIT_TRY(const CsvTable table, CsvTable::parse(csv));
  std::vector<PrecopyRun> runs;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    CsvRow row(table, i);
    PrecopyRun run;
    run.technique = row.text("technique");
    run.workload = row.text("workload");
    run.campaign = row.text("campaign");
    run.ram_mib = row.count("ram_mib");
    run.setup = row.milliseconds("setup_ms");
    run.downtime = row.milliseconds("downtime_ms");
    run.total_time = row.milliseconds("total_ms");
    run.transferred = row.bytes("transferred_bytes");
    run.zero_pages = row.pages("zero_pages");
    for (const std::int64_t pages : row.counts("pages_sent_per_round"))
      run.rounds.emplace_back(pages);
    GODWIT_CHECK_OK(row.good());
    if (run.rounds.empty() || run.total_time <= Seconds(0)) {
      return fail(ErrorCode::kCorrupt, fmt::format("row {}: no rounds, or no time", i + 1));
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace godwit::dataset
