// A thread that ticks, so that the guest itself sees when it did not run.
#pragma once

#include <cstdint>

#include "clock.h"
#include "stop.h"
#include "telemetry.h"

namespace godwit::guest {

// README says what this period costs, and why it is not shorter.
inline constexpr std::int64_t kTickNs = 10 * kNsPerMs;

// Ticks until told to stop; every tick is one unit of work of each load that is `ticking`.
void run_ticker(const StopSignal& stop, Telemetry& telemetry);

// Puts the calling thread before ordinary ones, so that a busy writer on the only CPU is not taken
// for a stalled guest. Without the privilege nothing happens.
void prefer_this_thread();

}  // namespace godwit::guest
