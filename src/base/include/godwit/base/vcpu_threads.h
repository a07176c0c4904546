#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "godwit/base/units.h"

/// The threads that run a VM's processors, as the kernel shows them in /proc. Thread-safe: nothing
/// is kept.

namespace godwit {

/// The vCPU that a thread of this name runs: 3 of "CPU 3/KVM", 0 of "CPU 0/TCG". "ALL CPUs/TCG" is
/// 0: it runs all of them in turn where QEMU emulates without multi-threading. Absent: no vCPU's.
[[nodiscard]] std::optional<std::int64_t> vcpu_of_name(std::string_view comm);

/// The vCPU threads of a process, by their numbers; none where they have no such names.
[[nodiscard]] std::vector<std::int64_t> vcpu_threads_of(std::int64_t pid);

/// CPU time of all vCPU threads of a process; absent when it has none by that name.
[[nodiscard]] std::optional<Seconds> vcpu_time_of(std::int64_t pid);

}  // namespace godwit
