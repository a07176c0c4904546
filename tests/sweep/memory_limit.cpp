#include "memory_limit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace godwit::e2e {
namespace {

namespace fs = std::filesystem;

/// Of control groups v1, else of v2.
constexpr const char* kV1 = "/sys/fs/cgroup/memory";
constexpr const char* kV2 = "/sys/fs/cgroup";

void write(const fs::path& file, const std::string& value) {
  std::ofstream out(file);
  out << value << std::flush;
  if (!out) throw std::runtime_error(fmt::format("{} does not take {}", file.native(), value));
}

}  // namespace

MemoryLimit::MemoryLimit(pid_t pid, std::size_t bytes) {
  const bool v1 = fs::exists(fmt::format("{}/memory.limit_in_bytes", kV1));
  parent_ = v1 ? kV1 : kV2;
  folder_ = fmt::format("{}/godwit-sweep-{}-{}", parent_,
                        fs::read_symlink("/proc/self/ns/pid").filename().native(), ::getpid());
  fs::create_directory(folder_);
  write(folder_ + (v1 ? "/memory.limit_in_bytes" : "/memory.max"), std::to_string(bytes));
  write(folder_ + "/cgroup.procs", std::to_string(pid));
}

/// One that still lives goes back to where everything is.
MemoryLimit::~MemoryLimit() {
  std::ifstream members(folder_ + "/cgroup.procs");
  for (pid_t pid = 0; members >> pid;) std::ofstream(parent_ + "/cgroup.procs") << pid;
  std::error_code none;
  fs::remove(folder_, none);
}

}  // namespace godwit::e2e
