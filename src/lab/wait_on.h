#pragma once

#include "godwit/base/clock.h"

namespace godwit::lab {

enum class Woken { kReady, kLate, kStopped };

/// Waits until poll() has something to say of `fd`, `deadline` passes, or `stopped` is readable.
[[nodiscard]] Woken wait_on(int fd, short events, TimePoint deadline, int stopped);

}  // namespace godwit::lab
