// A thread that ticks, so that the guest itself sees when it did not run.
#pragma once

#include <cstdint>
#include <stop_token>

#include "clock.h"
#include "telemetry.h"

namespace godwit::guest {

// README says what this period costs, and why it is not shorter.
inline constexpr std::int64_t kTickNs = 10 * kNsPerMs;

// Ticks until told to stop; with `count_as_work`, every tick is one unit of work.
void run_ticker(const std::stop_token& stop, Telemetry& telemetry, bool count_as_work);

// Puts the calling thread before ordinary ones, so that a busy writer on the only CPU is not taken
// for a stalled guest. Without the privilege nothing happens.
void prefer_this_thread();

}  // namespace godwit::guest
