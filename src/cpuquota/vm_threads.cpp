#include "vm_threads.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "godwit/base/proc_stat.h"
#include "godwit/base/vcpu_threads.h"

namespace godwit::cpuquota {
namespace {

Error ended(const VmProcess& vm) {
  return {ErrorCode::kPeerGone, fmt::format("the VM's process {} has ended", vm.pid),
          "check whether the VM still runs"};
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// What runs no more is shown until its parent has asked for its end.
bool is_zombie(const std::string& stat) {
  const std::size_t bracket = stat.rfind(')');
  return bracket != std::string::npos && stat.substr(bracket + 1).starts_with(" Z");
}

/// A thread's number in its own process namespace: the last of the NSpid line.
std::int64_t own_number(const std::string& status) {
  const std::size_t at = status.find("\nNSpid:");
  if (at == std::string::npos) return 0;
  std::istringstream numbers(first_line(status.substr(at + 7)));
  std::int64_t last = 0;
  for (std::int64_t one = 0; numbers >> one;) last = one;
  return last;
}

std::optional<std::int64_t> vcpu_of_number(const std::vector<std::int64_t>& numbers,
                                           std::int64_t own) {
  const auto found = std::find(numbers.begin(), numbers.end(), own);
  if (own <= 0 || found == numbers.end()) return std::nullopt;
  return found - numbers.begin();
}

/// One of a process's threads; absent where it has ended meanwhile.
std::optional<VcpuThread> facts(KernelFiles& files, const std::string& task, std::int64_t vcpu) {
  VcpuThread thread;
  thread.vcpu = vcpu;
  const std::string number = task.substr(task.rfind('/') + 1);
  std::from_chars(number.data(), number.data() + number.size(), thread.thread);
  const auto stat = files.read(task + "/stat");
  if (!stat) return std::nullopt;
  const auto policy = policy_in_stat(*stat).value_or(SCHED_OTHER);
  thread.real_time = policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
  const auto exact = time_in_schedstat(files.read(task + "/schedstat").value_or(""));
  const auto ticks = time_in_stat(*stat, ::sysconf(_SC_CLK_TCK));
  thread.on_cpu = exact.value_or(ticks.value_or(Seconds(0)));
  return thread;
}

}  // namespace

Result<std::vector<VcpuThread>> vcpu_threads(KernelFiles& files, const VmProcess& vm) {
  const std::string process = fmt::format("/proc/{}", vm.pid);
  const auto stat = files.read(process + "/stat");
  if (!stat || start_in_stat(*stat) != vm.started || is_zombie(*stat)) return fail(ended(vm));
  const auto tasks = files.folders(process + "/task");
  if (!tasks) return fail(ended(vm));
  std::vector<VcpuThread> named;
  std::vector<VcpuThread> numbered;
  for (const std::string& one : *tasks) {
    const std::string task = fmt::format("{}/task/{}", process, one);
    const auto by_name = vcpu_of_name(first_line(files.read(task + "/comm").value_or("")));
    const auto by_number =
        vcpu_of_number(vm.qemu_numbers, own_number(files.read(task + "/status").value_or("")));
    if (!by_name && !by_number) continue;
    const auto thread = facts(files, task, by_name ? *by_name : *by_number);
    if (thread) (by_name ? named : numbered).push_back(*thread);
  }
  auto& found = named.empty() ? numbered : named;
  std::sort(found.begin(), found.end(),
            [](const VcpuThread& a, const VcpuThread& b) { return a.vcpu < b.vcpu; });
  if (!found.empty()) return std::move(found);
  return fail(ErrorCode::kUnsupported,
              fmt::format("process {} has no threads that are known as vCPUs", vm.pid),
              "start QEMU with -name NAME,debug-threads=on");
}

}  // namespace godwit::cpuquota
