#pragma once

#include <limits>
#include <vector>

#include "godwit/domain/prediction.h"
#include "godwit/model/curve.h"
#include "godwit/model/dirty_curve.h"

/// QEMU's passes over a dirty curve, as plain arithmetic: the inside of curve.h. Seconds and bytes
/// as doubles; "stream" bytes are pages as they are sent, other bytes are guest memory.

namespace godwit::model {

/// What a technique makes of a page on its way: stream bytes per byte of memory.
struct Coding {
  double first = 1;   ///< of a page with content, in the first pass
  double later = 1;   ///< of a page that the guest wrote
  double cached = 1;  ///< XBZRLE: of one whose former content is in its cache
  double cache = 0;   ///< XBZRLE: the cache's size; 0 without
  double zero_mark = 9;
  /// Memory that the sender's processors can code in a second.
  double cpu_rate = std::numeric_limits<double>::infinity();
};

/// QEMU's auto-converge (migration/ram.c, migration_trigger_throttle; cpu-throttle.c).
struct Throttling {
  bool on = false;
  double trigger = 0.5;  ///< of what was sent in a period, dirtied in it
  double initial = 0.2;
  double increment = 0.1;
  double most = 0.99;
  double cpu_use = 1;  ///< of its vCPUs, by the guest: so much may be taken before it notices
};

struct Sending {
  double rate = 0;         ///< of the passes: stream bytes per second
  double switch_rate = 0;  ///< of what is left, with the guest stopped: no rate limit then
  double postcopy_rate = 0;
  double limit = 0;  ///< seconds that sending what is left may take
  /// Stream bytes per second that QEMU reckons with there; 0: what it measured.
  double reckoned_rate = 0;
  double window = 0;  ///< seconds
  Coding coding;
  Throttling throttling;
};

/// One way that things may go.
struct Case {
  const Growth* growth = nullptr;
  double speed = 1;        ///< factor on the stated rates
  double phase = 0.5;      ///< where in its range between two looks the threshold is met: 0 = early
  double data_at_end = 1;  ///< share of data pages among the last ones of RAM
};

struct Run {
  bool converges = false;
  bool postcopied = false;  ///< ended by post-copy, not by pre-copy's switchover
  int passes = 0;
  double seconds = 0;  ///< sending, the stop included
  double stream = 0;
  double left = 0;            ///< memory still to send when the passes ended
  double last_factor = 1;     ///< stream bytes per byte of it
  double remote_seconds = 0;  ///< post-copy phase: the guest runs on the destination
  double pass_seconds = 0;    ///< of the last pass, and what was dirtied in it
  double dirtied = 0;
  double threshold = 0;  ///< memory that might be left to switch over, by the last pass
  double throttle = 0;   ///< share of the vCPUs' time that was taken at last
  double lost = 0;       ///< seconds of guest time that throttling took
};

/// All of memory once, on the stream.
[[nodiscard]] double full_stream(const CurveMemory& memory, const Coding& coding);

[[nodiscard]] Run run_precopy(const CurveMemory& memory, const CurveOptions& options,
                              const Sending& sending, const Case& c,
                              std::vector<PredictedRound>* rounds);
/// `share` of one pass by pre-copy, the rest by post-copy. With a whole pass, QEMU may find that it
/// can switch over as pre-copy does; then it does.
[[nodiscard]] Run run_postcopy(const CurveMemory& memory, const CurveOptions& options,
                               const Sending& sending, const Case& c, double share,
                               std::vector<PredictedRound>* rounds);

}  // namespace godwit::model
