#include "cpu_bandwidth.h"

#include <algorithm>
#include <cmath>

namespace godwit::cpuquota {
namespace {

using std::chrono::microseconds;

// kernel/sched/core.c: min_cfs_quota_period and max_cfs_quota_period.
constexpr microseconds kLeastQuota{1'000};
constexpr microseconds kLongestPeriod{1'000'000};
constexpr microseconds kUsualPeriod{10'000};

}  // namespace

CpuBandwidth bandwidth_for(Ratio share) {
  const double needed = std::ceil(static_cast<double>(kLeastQuota.count()) / share.value());
  const microseconds period =
      std::clamp(microseconds(std::llround(needed)), kUsualPeriod, kLongestPeriod);
  // Rounded down: in v1 a quota above an outer group's is refused.
  const microseconds quota(static_cast<microseconds::rep>(
      std::floor(share.value() * static_cast<double>(period.count()))));
  return {std::max(quota, kLeastQuota), period};
}

}  // namespace godwit::cpuquota
