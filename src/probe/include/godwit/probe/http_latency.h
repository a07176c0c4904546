#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/units.h"

namespace godwit::probe {

/// One request for a page.
struct HttpSample {
  std::int64_t due_wall_us = 0;  ///< when it should have been sent
  /// From when it was due to the end of its answer; absent: it failed.
  std::optional<Seconds> latency;
  friend bool operator==(const HttpSample&, const HttpSample&) = default;
};

/// Latencies of the requests due within some time.
struct LatencySummary {
  std::int64_t requests = 0;
  std::int64_t failed = 0;
  std::optional<Seconds> p50;  ///< absent as `percentile` has it
  std::optional<Seconds> p99;
};

/// The latency that `share` of all requests did not exceed (nearest rank). A request that failed
/// took longer than any that was answered: absent when it falls among those, or there are none.
/// `share` in (0, 1]. Pure.
std::optional<Seconds> percentile(std::vector<std::optional<Seconds>> latencies, double share);

/// Of the samples due at or after `from_wall_us` and before `until_wall_us`. Pure.
LatencySummary summarize_latencies(std::span<const HttpSample> samples, std::int64_t from_wall_us,
                                   std::int64_t until_wall_us);

inline constexpr std::int64_t kFirstMoment = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kLastMoment = std::numeric_limits<std::int64_t>::max();

}  // namespace godwit::probe
