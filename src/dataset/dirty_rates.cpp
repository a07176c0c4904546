#include "godwit/dataset/dirty_rates.h"

#include <fmt/format.h>

#include <cmath>

#include "godwit/dataset/csv.h"

namespace godwit::dataset {

Result<std::vector<DirtyRates>> read_dirty_rates(std::string_view csv) {
  GODWIT_TRY(const CsvTable table, CsvTable::parse(csv));
  std::vector<DirtyRates> all;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    CsvRow row(table, i);
    const std::string load = row.text("load");
    const Seconds at(row.number("at_s"));
    const double rate = row.number("dirty_bytes_per_s");
    GODWIT_CHECK_OK(row.good());
    if (all.empty() || all.back().load != load) all.push_back({load, {}, {}});
    DirtyRates& one = all.back();
    const auto before = static_cast<double>(one.bytes_per_s.size());
    if (before == 1) one.period = at;  // the first is at 0
    const bool due = std::abs((at - one.period * before).count()) <= 1e-6;
    if (!due || (before >= 1 && one.period <= Seconds(0))) {
      return fail(ErrorCode::kCorrupt, fmt::format("row {}: not at equal intervals from 0", i + 1));
    }
    one.bytes_per_s.push_back(rate);
  }
  for (const DirtyRates& one : all) {
    if (one.bytes_per_s.size() < 2) {
      return fail(ErrorCode::kCorrupt, fmt::format("one sample alone of {}", one.load));
    }
  }
  return all;
}

}  // namespace godwit::dataset
