#include "godwit/base/clock.h"

#include <condition_variable>
#include <mutex>

namespace godwit {

TimePoint RealClock::now() const {
  return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

std::int64_t RealClock::wall_us() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
}

bool RealClock::wait_until(TimePoint deadline, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  const std::chrono::steady_clock::time_point until(deadline.time_since_epoch());
  wake.wait_until(lock, stop, until, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace godwit
