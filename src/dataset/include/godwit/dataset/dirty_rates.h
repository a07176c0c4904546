#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::dataset {

/// How a guest's dirty rate went on (tools/record_dirty_rates).
struct DirtyRates {
  std::string load;
  Seconds period{};                 ///< between samples
  std::vector<double> bytes_per_s;  ///< in time order
};

/// One for each load, in order of appearance. kCorrupt: not that table, samples that are not at
/// equal intervals, or one alone.
Result<std::vector<DirtyRates>> read_dirty_rates(std::string_view csv);

}  // namespace godwit::dataset
