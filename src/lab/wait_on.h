#pragma once

#include <stop_token>

#include "godwit/base/clock.h"
#include "godwit/base/unique_fd.h"

namespace godwit::lab {

/// Readable once a stop was requested, for poll().
class StopFd {
 public:
  explicit StopFd(const std::stop_token& stop);
  [[nodiscard]] int get() const { return fd_.get(); }

 private:
  struct Signal {
    int fd;
    void operator()() const;
  };
  UniqueFd fd_;
  std::stop_callback<Signal> on_stop_;
};

enum class Woken { kReady, kLate, kStopped };

/// Waits until poll() has something to say of `fd`, `deadline` passes, or `stopped` is readable.
[[nodiscard]] Woken wait_on(int fd, short events, TimePoint deadline, int stopped);

}  // namespace godwit::lab
