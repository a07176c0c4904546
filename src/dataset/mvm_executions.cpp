#include "godwit/dataset/mvm_executions.h"

#include <fmt/format.h>

#include <algorithm>

#include "godwit/dataset/csv.h"

namespace godwit::dataset {
namespace {

/// Above any memory and any link; what is more is no megabytes.
constexpr double kMostMegabytes = 1e9;

double megabytes(CsvRow& row, std::string_view column, double& most) {
  const double value = row.number(column);
  most = std::max(most, value);
  return value * 1e6;
}

}  // namespace

Result<std::vector<MvmMove>> read_mvm_executions(std::string_view csv) {
  GODWIT_TRY(const CsvTable table, CsvTable::parse(csv));
  std::vector<MvmMove> moves;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    CsvRow row(table, i);
    double most = 0;
    MvmMove move;
    move.instance = row.count("instance");
    move.vm = row.count("vm");
    move.from = row.count("from");
    move.to = row.count("to");
    const double memory = megabytes(row, "mem_mb", most);
    const double hot = megabytes(row, "hot_dirty_mb", most);
    move.hot_time = Seconds(row.number("hot_dirty_s"));
    move.cold = BytesPerSecond(megabytes(row, "cold_dirty_mb_per_s", most));
    move.planned = BytesPerSecond(megabytes(row, "bandwidth_mbit_per_s", most) / 8);
    move.planned_start = Seconds(row.number("planned_start_s"));
    move.planned_end = Seconds(row.number("planned_end_s"));
    move.run = row.count("run");
    move.real_start = Seconds(row.number("real_start_s"));
    move.real_end = Seconds(row.number("real_end_s"));
    GODWIT_CHECK_OK(row.good());
    if (most > kMostMegabytes || move.planned.value() <= 0 || memory <= 0 || move.from == move.to ||
        move.real_end <= move.real_start || move.planned_end <= move.planned_start) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("row {}: no migration has such sizes, rates, hosts or times", i + 1));
    }
    move.memory = Bytes(static_cast<std::int64_t>(memory));
    move.hot = Bytes(static_cast<std::int64_t>(hot));
    moves.push_back(move);
  }
  return moves;
}

}  // namespace godwit::dataset
