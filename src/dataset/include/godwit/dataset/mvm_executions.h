#pragma once

#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::dataset {

/// One migration of the public set `mvm_executions`: plans of mVM (Kherbache, thesis) of ten VMs on
/// four hosts of Grid'5000, and how they went. Times are from the plan's beginning, to a second.
struct MvmMove {
  std::int64_t instance = 0;
  std::int64_t vm = 0;
  std::int64_t from = 0;
  std::int64_t to = 0;
  Bytes memory;
  Bytes hot;  ///< rewritten within `hot_time`
  Seconds hot_time{};
  BytesPerSecond cold;
  BytesPerSecond planned;  ///< rate
  Seconds planned_start{}, planned_end{};
  std::int64_t run = 0;
  Seconds real_start{}, real_end{};
};

/// All rows. kCorrupt: not that table, or a move that ends where, or before, it begins.
Result<std::vector<MvmMove>> read_mvm_executions(std::string_view csv);

}  // namespace godwit::dataset
