#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::probe {

/// CPU time that a process has used so far, all its threads, in user and kernel mode; to 10 ms, as
/// the kernel counts. kPeerGone when there is no such process.
Result<Seconds> cpu_time_of(std::int64_t pid);

/// The same from the text of /proc/PID/stat and the kernel's ticks per second. Pure.
std::optional<Seconds> cpu_time_in(std::string_view proc_stat, std::int64_t ticks_per_second);

}  // namespace godwit::probe
