#include "cpu_controller_v2.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <sstream>

#include "cpu_bandwidth.h"

namespace godwit::cpuquota {
namespace {

constexpr const char* kSubtree = "/cgroup.subtree_control";

bool has_cpu(const std::string& controllers) {
  std::istringstream words(controllers);
  for (std::string one; words >> one;) {
    if (one == "cpu") return true;
  }
  return false;
}

Error no_controller(const std::string& home) {
  const std::string unit = std::filesystem::path(home).filename();
  const bool of_systemd = unit.ends_with(".scope") || unit.ends_with(".service");
  return {ErrorCode::kUnsupported, fmt::format("the CPU controller is not on for {}", home),
          of_systemd ? fmt::format("switch it on: systemctl set-property --runtime '{}' "
                                   "CPUWeight=100",
                                   unit)
                     : "switch it on: write +cpu to cgroup.subtree_control of each group above it"};
}

bool is_ours(const std::string& folder) {
  return folder.starts_with(kOurPrefix);
}

}  // namespace

Result<bool> CpuControllerV2::is_on_below(const std::string& home) {
  GODWIT_TRY(const std::string on, text_of(home + kSubtree));
  return has_cpu(on);
}

Result<CgroupHome> CpuControllerV2::look(const std::string& home) {
  GODWIT_TRY(const std::string controllers, text_of(home + "/cgroup.controllers"));
  if (!has_cpu(controllers)) return fail(no_controller(home));
  GODWIT_TRY(const bool on, is_on_below(home));
  GODWIT_CHECK_OK(may_write(home));
  GODWIT_CHECK_OK(may_write(thread_file(home)));
  if (on) {
    // Beside groups of Godwit's alone, of other VMs in the same home, one of them switched it on.
    const auto below = files().folders(home);
    const bool by_us =
        below && !below->empty() && std::all_of(below->begin(), below->end(), is_ours);
    return CgroupHome{home, by_us};
  }
  GODWIT_CHECK_OK(may_write(home + kSubtree));
  return CgroupHome{home, true};
}

Result<void> CpuControllerV2::make(const std::string& home, const std::string& group) {
  GODWIT_CHECK_OK(make_folder(group));
  GODWIT_CHECK_OK(order(group + "/cgroup.type", "threaded"));
  GODWIT_TRY(const bool on, is_on_below(home));
  if (on) return {};
  return order(home + kSubtree, "+cpu");
}

Result<void> CpuControllerV2::set(const std::string& group, Ratio share) {
  const CpuBandwidth bandwidth = bandwidth_for(share);
  return order(group + "/cpu.max",
               fmt::format("{} {}", bandwidth.quota.count(), bandwidth.period.count()));
}

Result<Seconds> CpuControllerV2::held_back(const std::string& group) {
  GODWIT_TRY(const std::int64_t microseconds, statistic(group, "throttled_usec"));
  return Seconds(std::chrono::microseconds(microseconds));
}

Result<void> CpuControllerV2::release(const CgroupHome& home) {
  if (!home.controller_was_off) return {};
  const auto below = files().folders(home.folder);
  if (!below && below.error() == ENOENT) return {};
  if (!below) return fail(cgroup_error("read", home.folder, below.error()));
  if (!below->empty()) return {};
  return order(home.folder + kSubtree, "-cpu");
}

}  // namespace godwit::cpuquota
