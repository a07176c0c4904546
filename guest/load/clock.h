// The guest's monotonic clock, with absolute sleeping.
#pragma once

#include <time.h>

#include <cerrno>
#include <cstdint>

namespace godwit::guest {

inline constexpr std::int64_t kNsPerMs = 1'000'000;

[[nodiscard]] inline std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline void sleep_until_ns(std::int64_t deadline_ns) {
  const timespec deadline{deadline_ns / 1'000'000'000, deadline_ns % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

// A steady beat. Beats fall on whole multiples of their period, so that the threads of an idle
// guest wake up together: under emulation each wake-up of the machine costs far more than what is
// done in it. Beats that were missed are skipped, not made up for.
class Beat {
 public:
  explicit Beat(std::int64_t period_ns) : period_ns_(period_ns) {}

  void wait_next() const { sleep_until_ns((now_ns() / period_ns_ + 1) * period_ns_); }

 private:
  std::int64_t period_ns_;
};

}  // namespace godwit::guest
