#include "cgroup_cpu_quota.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "cgroup_mounts.h"
#include "cpu_bandwidth.h"
#include "give_back.h"
#include "godwit/base/log.h"
#include "godwit/base/process.h"
#include "godwit/cpuquota/vcpu_quota.h"

namespace godwit::cpuquota {
namespace {

Error real_time(const VcpuThread& thread) {
  return {ErrorCode::kUnsupported,
          fmt::format("vCPU {} (thread {}) has a real-time priority, which no quota holds back",
                      thread.vcpu, thread.thread),
          fmt::format("take it away: chrt --other --pid 0 {}", thread.thread)};
}

Error not_mounted(const Membership& group) {
  return {ErrorCode::kUnsupported,
          fmt::format("no mounted cgroup file system shows the group {}", group.path),
          "run godwit on the host, where /sys/fs/cgroup shows the groups of all processes"};
}

bool has_home(const LentCpu& lent, const std::string& folder) {
  return std::any_of(lent.homes.begin(), lent.homes.end(),
                     [&](const CgroupHome& one) { return one.folder == folder; });
}

}  // namespace

CgroupCpuQuota::CgroupCpuQuota(KernelFiles& files, Clock& clock, VmProcess vm)
    : files_(files), clock_(clock), vm_(std::move(vm)) {
  lent_.pid = vm_.pid;
  lent_.started = vm_.started;
  // With the namespace: containers that start at once have processes of one number and one start.
  lent_.group = fmt::format("{}{}-{}-{}", kOurPrefix, vm_.numbered_in, vm_.pid, vm_.started);
}

CgroupCpuQuota::~CgroupCpuQuota() {
  if (const auto lifted = CgroupCpuQuota::lift(); !lifted) {
    log::warning("the VM may still be limited: {}", lifted.error().message);
  }
}

Result<std::optional<CgroupCpuQuota::Place>> CgroupCpuQuota::place_of(const VcpuThread& thread) {
  const auto text = files_.read(fmt::format("/proc/{}/task/{}/cgroup", vm_.pid, thread.thread));
  if (!text) return std::optional<Place>();
  const auto group = cpu_membership(*text);
  if (!group) {
    return fail(ErrorCode::kUnsupported, "this kernel has no control groups",
                "use a kernel with CONFIG_CGROUP_SCHED and CONFIG_CFS_BANDWIDTH");
  }
  const auto mounts = files_.read("/proc/self/mountinfo");
  const auto folder = folder_of(*group, cpu_mounts(mounts.value_or("")));
  if (!folder) return fail(not_mounted(*group));
  const std::filesystem::path path(*folder);
  if (path.filename().native().starts_with(lent_.group + "-")) {
    return std::optional(Place{group->version, path.parent_path(), true});
  }
  return std::optional(Place{group->version, *folder, false});
}

Result<LentCpu> CgroupCpuQuota::plan() {
  GODWIT_TRY(const auto threads, vcpu_threads(files_, vm_));
  LentCpu planned = lent_;
  for (const VcpuThread& thread : threads) GODWIT_CHECK_OK(add_home_of(thread, planned));
  lent_ = std::move(planned);
  controller_ = controller_of(lent_.version, files_);
  return lent_;
}

Result<void> CgroupCpuQuota::add_home_of(const VcpuThread& thread, LentCpu& planned) {
  if (thread.real_time) return fail(real_time(thread));
  GODWIT_TRY(const auto place, place_of(thread));
  if (!place || has_home(planned, place->home)) return {};
  GODWIT_TRY(CgroupHome home, controller_of(place->version, files_)->look(place->home));
  planned.version = place->version;
  planned.homes.push_back(std::move(home));
  return {};
}

Result<void> CgroupCpuQuota::limit(Ratio share) {
  if (!(share >= kLeastShare && share <= Ratio(1))) {
    return fail(ErrorCode::kBadInput, fmt::format("{} is no share of a CPU", share.value()),
                "give 0.001 to 1");
  }
  if (lent_.homes.empty()) {
    return fail(ErrorCode::kBadInput, "what is to be borrowed was not planned", "plan first");
  }
  const auto limited = limit_all(share);
  if (limited) return {};
  Error error = limited.error();
  if (const auto lifted = lift(); !lifted) {
    error.message += "; and vCPUs may still be limited: " + lifted.error().message;
  }
  return fail(std::move(error));
}

Result<void> CgroupCpuQuota::limit_all(Ratio share) {
  GODWIT_TRY(const auto threads, vcpu_threads(files_, vm_));
  for (const VcpuThread& thread : threads) GODWIT_CHECK_OK(limit_thread(thread, share));
  for (const CgroupHome& home : lent_.homes) GODWIT_CHECK_OK(tidy(home, threads));
  return {};
}

Result<void> CgroupCpuQuota::limit_thread(const VcpuThread& thread, Ratio share) {
  if (thread.real_time) return fail(real_time(thread));
  GODWIT_TRY(const auto place, place_of(thread));
  if (!place) return {};
  if (!has_home(lent_, place->home)) {
    log::debug("vCPU {} is not limited before its group {} is planned", thread.vcpu, place->home);
    return {};
  }
  const std::string group = group_folder(place->home, lent_.group, thread.thread);
  GODWIT_CHECK_OK(controller_->make(place->home, group));
  GODWIT_CHECK_OK(controller_->set(group, share));
  group_of_[thread.thread] = group;
  if (place->in_ours) return {};
  const auto moved = controller_->move(thread.thread, group);
  if (moved || moved.error() == ESRCH) return {};
  return fail(cgroup_error(fmt::format("move thread {} to", thread.thread), group, moved.error()));
}

Result<void> CgroupCpuQuota::tidy(const CgroupHome& home, const std::vector<VcpuThread>& threads) {
  const auto folders = files_.folders(home.folder);
  if (!folders) return fail(cgroup_error("read", home.folder, folders.error()));
  for (const std::string& name : *folders) {
    if (!name.starts_with(lent_.group + "-")) continue;
    const std::string group = home.folder + "/" + name;
    const auto owner = std::find_if(threads.begin(), threads.end(), [&](const VcpuThread& one) {
      return group == group_folder(home.folder, lent_.group, one.thread);
    });
    if (owner == threads.end()) {
      GODWIT_CHECK_OK(remove_group(*controller_, files_, clock_, home.folder, group));
      continue;
    }
    for (const std::int64_t one :
         controller_->threads(group).value_or(std::vector<std::int64_t>())) {
      if (one != owner->thread) (void)controller_->move(one, home.folder);  // or it has ended
    }
  }
  return {};
}

Result<void> CgroupCpuQuota::lift() {
  if (lent_.homes.empty()) return {};
  GODWIT_CHECK_OK(give_back(files_, clock_, lent_));
  lent_.homes.clear();
  group_of_.clear();
  return {};
}

Result<std::vector<VcpuUse>> CgroupCpuQuota::used() {
  GODWIT_TRY(const auto threads, vcpu_threads(files_, vm_));
  std::vector<VcpuUse> uses;
  for (const VcpuThread& thread : threads) {
    VcpuUse use{thread.vcpu, thread.thread, thread.on_cpu, Seconds(0)};
    if (const auto group = group_of_.find(thread.thread); group != group_of_.end()) {
      GODWIT_TRY(use.held_back, controller_->held_back(group->second));
    }
    uses.push_back(use);
  }
  return uses;
}

namespace {

// Neither keeps anything: all may share them.
RealKernelFiles this_kernel;
RealClock this_clock;

}  // namespace

std::unique_ptr<CpuQuota> make_vcpu_quota(std::int64_t pid, std::int64_t started,
                                          std::vector<std::int64_t> qemu_numbers) {
  return std::make_unique<CgroupCpuQuota>(
      this_kernel, this_clock,
      VmProcess{pid, started, process_namespace(), std::move(qemu_numbers)});
}

Result<void> give_back(const LentCpu& lent) {
  return give_back(this_kernel, this_clock, lent);
}

}  // namespace godwit::cpuquota
