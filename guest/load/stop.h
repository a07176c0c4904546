// How a thread that works or waits is told to end.
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <span>

#include "clock.h"

namespace godwit::guest {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Asked once, from any thread; wakes whoever polls.
class StopSignal {
 public:
  StopSignal();  // throws std::system_error
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void ask();
  [[nodiscard]] bool asked() const { return asked_.load(std::memory_order_relaxed); }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
  std::atomic<bool> asked_{false};
};

// Until when to go on: the end of a phase, or a stop.
class Until {
 public:
  explicit Until(const StopSignal& stop, std::int64_t deadline_ns = kNever)
      : stop_(stop), deadline_ns_(deadline_ns) {}

  [[nodiscard]] bool reached() const { return stop_.asked() || now_ns() >= deadline_ns_; }
  [[nodiscard]] std::int64_t deadline_ns() const { return deadline_ns_; }

  // Returns when one of `fds` is ready or the end is reached. `fds` must have a last entry to
  // spare, which is overwritten. True: one of them is ready.
  bool wait(std::span<pollfd> fds_and_spare) const;
  // Returns when the end is reached.
  void wait() const;

 private:
  const StopSignal& stop_;
  std::int64_t deadline_ns_;
};

}  // namespace godwit::guest
