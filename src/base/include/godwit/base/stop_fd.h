#pragma once

#include <stop_token>

#include "godwit/base/unique_fd.h"

namespace godwit {

/// A descriptor that poll() finds readable once a stop was requested.
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

}  // namespace godwit
