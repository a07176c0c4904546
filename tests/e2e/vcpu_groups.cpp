#include "vcpu_groups.h"

#include <fstream>
#include <utility>

#include "godwit/base/process.h"
#include "godwit/cpuquota/vcpu_quota.h"

namespace godwit::e2e {

Result<VcpuGroups> VcpuGroups::of(pid_t qemu, std::vector<std::int64_t> qemu_numbers) {
  const auto quota = cpuquota::make_vcpu_quota(qemu, process_start(qemu), std::move(qemu_numbers));
  GODWIT_TRY(const LentCpu planned, quota->plan());
  return VcpuGroups(planned.homes.at(0).folder, planned.group);
}

std::vector<std::filesystem::path> VcpuGroups::found() const {
  std::vector<std::filesystem::path> found;
  for (const auto& one : std::filesystem::directory_iterator(home_)) {
    if (one.path().filename().native().starts_with(ours_)) found.push_back(one.path());
  }
  return found;
}

std::vector<std::int64_t> VcpuGroups::limited() const {
  std::vector<std::int64_t> threads;
  for (const auto& group : found()) {
    for (const char* name : {"tasks", "cgroup.threads"}) {
      std::ifstream file(group / name);
      for (std::int64_t one = 0; file >> one;) threads.push_back(one);
    }
  }
  return threads;
}

std::optional<double> VcpuGroups::quota() const {
  for (const auto& group : found()) {
    double quota = -1;
    double period = 0;
    std::ifstream(group / "cpu.cfs_quota_us") >> quota;
    std::ifstream(group / "cpu.cfs_period_us") >> period;
    if (period <= 0) std::ifstream(group / "cpu.max") >> quota >> period;
    if (quota > 0 && period > 0) return quota / period;
  }
  return std::nullopt;
}

}  // namespace godwit::e2e
