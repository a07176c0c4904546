#include "godwit/dataset/qmp_traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "godwit/dataset/csv.h"

namespace godwit::dataset {
namespace {

TraceSample sample_of(CsvRow& row) {
  TraceSample sample;
  sample.total = row.milliseconds("total_ms");
  sample.remaining = row.bytes("remaining_bytes");
  sample.transferred = row.bytes("transferred_bytes");
  if (const auto rate = row.optional_number("throughput_mbit_per_s")) {
    constexpr double kBytesPerMbit = 125e3;
    sample.throughput = BytesPerSecond(*rate * kBytesPerMbit);
  }
  sample.dirty_pages_per_s = row.optional_number("dirty_pages_per_s");
  if (!row.text("dirty_sync_count").empty()) sample.syncs = row.count("dirty_sync_count");
  if (const auto percent = row.optional_number("throttle_percent")) {
    sample.throttle = Ratio(*percent / 100);
  }
  return sample;
}

}  // namespace

Result<std::vector<Trace>> read_qmp_traces(std::string_view csv) {
  GODWIT_TRY(const CsvTable table, CsvTable::parse(csv));
  std::map<std::pair<std::string, std::string>, Trace> traces;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    CsvRow row(table, i);
    // asked again later, a QEMU whose guest has left says "completed" and nothing else
    if (row.text("total_ms").empty()) {
      GODWIT_CHECK_OK(row.good());
      continue;
    }
    Trace& trace = traces[{row.text("scenario"), row.text("run")}];
    trace.scenario = row.text("scenario");
    trace.run = row.text("run");
    trace.ram = row.bytes("ram_total_bytes");
    TraceSample sample = sample_of(row);
    GODWIT_CHECK_OK(row.good());
    if (!trace.samples.empty() && sample.total < trace.samples.back().total) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("row {}: its time is before the last one's", i + 1));
    }
    if (row.text("status") == "completed") {
      trace.total_time = sample.total;
    } else {
      trace.samples.push_back(std::move(sample));
    }
  }
  std::vector<Trace> ended;
  for (auto& [name, trace] : traces) {
    if (trace.total_time > Seconds(0)) ended.push_back(std::move(trace));
  }
  return ended;
}

}  // namespace godwit::dataset
