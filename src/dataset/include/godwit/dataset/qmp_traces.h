#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::dataset {

/// What `query-migrate` said at one moment; absent is absent.
struct TraceSample {
  Seconds total{};  ///< QEMU's own total-time
  Bytes remaining;
  Bytes transferred;
  std::optional<BytesPerSecond> throughput;
  std::optional<double> dirty_pages_per_s;
  std::optional<std::int64_t> syncs;
  std::optional<Ratio> throttle;
};

/// One completed migration of the public set `qmp_traces` (an 8 GB PostgreSQL guest under YCSB,
/// asked every 200 ms; GitHub LordWicked/live-migration-thesis-code, fda44c7, MIT).
struct Trace {
  std::string scenario;  ///< strategy and load; runs of one scenario are repeats
  std::string run;
  Bytes ram;
  Seconds total_time{};              ///< as QEMU said at the end
  std::vector<TraceSample> samples;  ///< while it was active, in their order
};

/// All migrations that ended with a total time. kCorrupt: not that table, or samples that go back
/// in time.
Result<std::vector<Trace>> read_qmp_traces(std::string_view csv);

}  // namespace godwit::dataset
