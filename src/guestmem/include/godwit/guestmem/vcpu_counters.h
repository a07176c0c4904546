#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "godwit/base/unique_fd.h"

namespace godwit::guestmem {

/// The processor's own counters of a VM's vCPU threads, from when this object was made. Not
/// thread-safe.
class VcpuCounters {
 public:
  /// Counts what can be counted: a machine without such counters, a user without the right to them
  /// and a process without vCPU threads have none.
  explicit VcpuCounters(std::int64_t pid);

  /// Over all vCPU threads of then; absent where it is not counted.
  [[nodiscard]] std::optional<std::int64_t> instructions() const { return sum(instructions_); }
  [[nodiscard]] std::optional<std::int64_t> cache_misses() const { return sum(cache_misses_); }

 private:
  [[nodiscard]] static std::optional<std::int64_t> sum(const std::vector<UniqueFd>& counters);

  std::vector<UniqueFd> instructions_;
  std::vector<UniqueFd> cache_misses_;
};

}  // namespace godwit::guestmem
