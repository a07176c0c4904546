#include "cpu_controller_v1.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "cpu_bandwidth.h"

namespace godwit::cpuquota {

Result<CgroupHome> CpuControllerV1::look(const std::string& home) {
  const std::string quota = home + "/cpu.cfs_quota_us";
  if (const auto text = files().read(quota); !text && text.error() == ENOENT) {
    return fail(ErrorCode::kUnsupported, fmt::format("there is no {}", quota),
                "use a kernel with CPU bandwidth control (CONFIG_CFS_BANDWIDTH)");
  }
  GODWIT_CHECK_OK(may_write(home));
  GODWIT_CHECK_OK(may_write(thread_file(home)));
  return CgroupHome{home, false};
}

Result<void> CpuControllerV1::make(const std::string& /*home*/, const std::string& group) {
  return make_folder(group);
}

Result<void> CpuControllerV1::set(const std::string& group, Ratio share) {
  const CpuBandwidth bandwidth =
      bandwidth_for(std::max(kLeastShare, std::min(share, outer_share(group))));
  // Without a quota any period passes, whatever the old one was. It is a moment without a limit.
  GODWIT_CHECK_OK(order(group + "/cpu.cfs_quota_us", "-1"));
  GODWIT_CHECK_OK(order(group + "/cpu.cfs_period_us", std::to_string(bandwidth.period.count())));
  return order(group + "/cpu.cfs_quota_us", std::to_string(bandwidth.quota.count()));
}

Ratio CpuControllerV1::outer_share(std::string group) {
  double least = 1;
  while (true) {  // up to the hierarchy's root, above which there are no such files
    group = std::filesystem::path(group).parent_path();
    const auto quota = files().read(group + "/cpu.cfs_quota_us");
    const auto period = files().read(group + "/cpu.cfs_period_us");
    if (!quota || !period) return Ratio(least);
    const double quota_us = std::strtod(quota->c_str(), nullptr);
    const double period_us = std::strtod(period->c_str(), nullptr);
    if (quota_us > 0 && period_us > 0) least = std::min(least, quota_us / period_us);
  }
}

Result<Seconds> CpuControllerV1::held_back(const std::string& group) {
  GODWIT_TRY(const std::int64_t nanoseconds, statistic(group, "throttled_time"));
  return Seconds(Nanoseconds(nanoseconds));
}

}  // namespace godwit::cpuquota
