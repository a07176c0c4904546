#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "godwit/base/units.h"

namespace godwit {

/// Tag of Godwit's monotonic time line (real or simulated); never mixed with std clocks.
struct MonotonicTime {
  using duration = Nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicTime>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicTime::time_point;

[[nodiscard]] constexpr Seconds operator-(TimePoint a, TimePoint b) {
  return Seconds(a.time_since_epoch() - b.time_since_epoch());
}
[[nodiscard]] constexpr TimePoint operator+(TimePoint t, Seconds d) {
  return TimePoint(t.time_since_epoch() + std::chrono::duration_cast<Nanoseconds>(d));
}

/// The only source of time in the house, handed in from outside; tests and the twin pass their own.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual TimePoint now() const = 0;
  /// Wall-clock time as microseconds since 1970 (UTC), to date outcomes and match QEMU's events.
  [[nodiscard]] virtual std::int64_t wall_us() const = 0;
  /// Returns at `deadline`, or earlier (with false) when a stop is requested.
  virtual bool wait_until(TimePoint deadline, std::stop_token stop) = 0;
};

/// CLOCK_MONOTONIC and CLOCK_REALTIME. Thread-safe.
class RealClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
  [[nodiscard]] std::int64_t wall_us() const override;
  bool wait_until(TimePoint deadline, std::stop_token stop) override;
};

/// A clock that moves only when told to; waiting moves it. For tests and simulation.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  [[nodiscard]] std::int64_t wall_us() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch()).count();
  }
  bool wait_until(TimePoint deadline, std::stop_token stop) override {
    if (stop.stop_requested()) return false;
    if (deadline > now_) now_ = deadline;
    return true;
  }
  void advance(Seconds by) { now_ = now_ + by; }

 private:
  TimePoint now_{};
};

}  // namespace godwit
