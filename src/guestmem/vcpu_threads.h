#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "godwit/base/units.h"

namespace godwit::guestmem {

/// "CPU 3/KVM", "CPU 0/TCG": a vCPU's thread. "ALL CPUs/TCG": the one that runs all of them in turn
/// where QEMU emulates without multi-threading.
[[nodiscard]] bool is_vcpu_name(std::string_view comm);

/// Time on a CPU out of /proc/PID/task/TID/schedstat: nanoseconds first. Absent where the text is
/// none, or all zeros (a kernel without these statistics).
[[nodiscard]] std::optional<Seconds> time_in_schedstat(std::string_view text);

/// utime + stime out of /proc/PID/task/TID/stat, in clock ticks of which `per_second` make a
/// second.
[[nodiscard]] std::optional<Seconds> time_in_stat(std::string_view text, std::int64_t per_second);

/// The vCPU threads of a process, by their numbers; none where they have no such names.
[[nodiscard]] std::vector<std::int64_t> vcpu_threads_of(std::int64_t pid);

/// CPU time of all vCPU threads of a process; absent when it has none by that name.
[[nodiscard]] std::optional<Seconds> vcpu_time_of(std::int64_t pid);

}  // namespace godwit::guestmem
