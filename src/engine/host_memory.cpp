#include "host_memory.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace godwit::engine {
namespace {

/// The value of a "Key:   123 kB" line of a /proc file.
std::optional<Bytes> kilobytes_in(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return 1_KiB * std::strtoll(line.c_str() + key.size(), nullptr, 10);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Bytes> memory_for(std::int64_t pid) {
  if (pid <= 0) return std::nullopt;
  const auto free = kilobytes_in("/proc/meminfo", "MemAvailable:");
  if (!free) return std::nullopt;
  return *free + kilobytes_in(fmt::format("/proc/{}/status", pid), "VmRSS:").value_or(Bytes());
}

}  // namespace godwit::engine
