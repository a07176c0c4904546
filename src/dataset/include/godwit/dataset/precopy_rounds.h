#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::dataset {

/// One completed pre-copy of the public set `precopy_rounds` (QEMU 8.1, about 1 Gbit/s, guests of
/// 1-16 GB; GitHub kasunmendis7/mrmpplm, c18c68b).
struct PrecopyRun {
  std::string technique;  ///< vanilla, xbzrle, compress
  std::string workload;
  std::string campaign;  ///< runs of one pair of hosts, guest and load
  std::int64_t ram_mib = 0;
  Seconds setup{};
  Seconds downtime{};
  Seconds total_time{};  ///< setup and downtime included
  Bytes transferred;
  PageCount zero_pages;
  std::vector<PageCount> rounds;  ///< pages of each round, the one with the guest stopped included
};

/// All rows. kCorrupt: not that table, a row without rounds or time.
Result<std::vector<PrecopyRun>> read_precopy_rounds(std::string_view csv);

}  // namespace godwit::dataset
