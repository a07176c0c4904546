#include "host_memory.h"

#include <fmt/format.h>

#include "godwit/base/proc_file.h"

namespace godwit::engine {

std::optional<Bytes> memory_for(std::int64_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto free = kilobytes_in("/proc/meminfo", "MemAvailable");
  if (!free) return std::nullopt;
  return *free + kilobytes_in(fmt::format("/proc/{}/status", pid), "VmRSS").value_or(Bytes());
}

}  // namespace godwit::engine
