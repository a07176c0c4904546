#include "godwit/probe/http_latency.h"

#include <algorithm>
#include <cmath>

#include "godwit/base/contract.h"

namespace godwit::probe {
namespace {

/// Failed ones last.
bool sooner(const std::optional<Seconds>& a, const std::optional<Seconds>& b) {
  return a && (!b || *a < *b);
}

}  // namespace

std::optional<Seconds> percentile(std::vector<std::optional<Seconds>> latencies, double share) {
  if (!(share > 0) || share > 1) contract_failure("a percentile outside of 0 to 1");
  if (latencies.empty()) return std::nullopt;
  const auto count = static_cast<double>(latencies.size());
  const auto rank = static_cast<std::ptrdiff_t>(std::ceil(share * count - 1e-9));
  const auto at = latencies.begin() + std::max<std::ptrdiff_t>(rank, 1) - 1;
  std::nth_element(latencies.begin(), at, latencies.end(), sooner);
  return *at;
}

LatencySummary summarize_latencies(std::span<const HttpSample> samples, std::int64_t from_wall_us,
                                   std::int64_t until_wall_us) {
  std::vector<std::optional<Seconds>> latencies;
  LatencySummary summary;
  for (const HttpSample& sample : samples) {
    if (sample.due_wall_us < from_wall_us || sample.due_wall_us >= until_wall_us) continue;
    latencies.push_back(sample.latency);
    if (!sample.latency) ++summary.failed;
  }
  summary.requests = static_cast<std::int64_t>(latencies.size());
  summary.p50 = percentile(latencies, 0.5);
  summary.p99 = percentile(std::move(latencies), 0.99);
  return summary;
}

}  // namespace godwit::probe
