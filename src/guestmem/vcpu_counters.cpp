#include "godwit/guestmem/vcpu_counters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "godwit/base/vcpu_threads.h"

namespace godwit::guestmem {
namespace {

UniqueFd counter(std::uint64_t event, std::int64_t thread) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = event;
  attributes.exclude_hv = 1;
  return UniqueFd(static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

/// One for each thread, or none at all.
std::vector<UniqueFd> counters(std::uint64_t event, const std::vector<std::int64_t>& threads) {
  std::vector<UniqueFd> all;
  for (const std::int64_t thread : threads) {
    all.push_back(counter(event, thread));
    if (!all.back().valid()) return {};
  }
  return all;
}

}  // namespace

VcpuCounters::VcpuCounters(std::int64_t pid) {
  const std::vector<std::int64_t> threads = vcpu_threads_of(pid);
  instructions_ = counters(PERF_COUNT_HW_INSTRUCTIONS, threads);
  cache_misses_ = counters(PERF_COUNT_HW_CACHE_MISSES, threads);
}

std::optional<std::int64_t> VcpuCounters::sum(const std::vector<UniqueFd>& counters) {
  if (counters.empty()) return std::nullopt;
  std::int64_t sum = 0;
  for (const UniqueFd& one : counters) {
    std::int64_t value = 0;
    if (read(one.get(), &value, sizeof value) != sizeof value) return std::nullopt;
    sum += value;
  }
  return sum;
}

}  // namespace godwit::guestmem
