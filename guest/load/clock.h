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

// Deadlines of a steady beat; beats that were missed are skipped, not made up for.
class Beat {
 public:
  Beat(std::int64_t start_ns, std::int64_t period_ns)
      : deadline_ns_(start_ns), period_ns_(period_ns) {}

  void wait_next() {
    deadline_ns_ += period_ns_;
    const std::int64_t now = now_ns();
    if (deadline_ns_ < now) deadline_ns_ = now + period_ns_;
    sleep_until_ns(deadline_ns_);
  }

 private:
  std::int64_t deadline_ns_;
  std::int64_t period_ns_;
};

}  // namespace godwit::guest
