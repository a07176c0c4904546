#pragma once

#include <functional>

#include "godwit/base/clock.h"

namespace godwit {

/// Ends the waiting of a test that hangs. It says nothing about how long anything takes: beside
/// other tests on a busy machine a guest's boot took over a minute.
inline constexpr Seconds kPatience{240};

/// Looks again and again; false if it has not come to this by then.
inline bool comes(Clock& clock, const std::function<bool()>& seen, Seconds every = Seconds(0.02)) {
  const TimePoint give_up = clock.now() + kPatience;
  while (!seen()) {
    if (clock.now() > give_up) return false;
    (void)clock.wait_until(clock.now() + every, {});
  }
  return true;
}

}  // namespace godwit
