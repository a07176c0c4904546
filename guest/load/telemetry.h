// What the threads of guest-load share: counters only, so that none ever waits for another.
#pragma once

#include <atomic>
#include <cstdint>

#include "godwit/guest/report.h"

namespace godwit::guest {

struct Telemetry {
  std::atomic<State> state{State::kFilling};
  std::atomic<std::int64_t> work{0};
  GapMeter gaps;
};

}  // namespace godwit::guest
