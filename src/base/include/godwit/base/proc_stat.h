#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "godwit/base/units.h"

/// What the kernel says of a process or thread in /proc/PID/stat and /proc/PID/task/TID/schedstat
/// (proc(5)). Pure; absent is what the text does not say.

namespace godwit {

/// Time on a CPU out of schedstat: nanoseconds first. Absent where the text is none, or all zeros
/// (a kernel without these statistics).
[[nodiscard]] std::optional<Seconds> time_in_schedstat(std::string_view text);

/// utime + stime out of stat, in clock ticks of which `per_second` make a second.
[[nodiscard]] std::optional<Seconds> time_in_stat(std::string_view text, std::int64_t per_second);

/// The scheduling policy (SCHED_OTHER, SCHED_FIFO, ...) out of stat.
[[nodiscard]] std::optional<std::int64_t> policy_in_stat(std::string_view text);

/// When it started out of stat, in clock ticks since boot.
[[nodiscard]] std::optional<std::int64_t> start_in_stat(std::string_view text);

}  // namespace godwit
