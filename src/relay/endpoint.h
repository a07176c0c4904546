#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "godwit/base/unique_fd.h"

namespace godwit::relay {

/// A descriptor that the relay waits on, and what the kernel last said of it. The flags stay until
/// a call finds out that they no longer hold (edge-triggered). It must not move.
struct Endpoint {
  explicit Endpoint(UniqueFd descriptor) : fd(std::move(descriptor)) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  void note(std::uint32_t events) {
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable = true;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) hung_up = true;
  }

  UniqueFd fd;
  bool readable = false;
  bool writable = false;
  bool hung_up = false;  ///< nothing can be sent either way any more; what came can be read
};

/// Where the relay waits.
class Epoll {
 public:
  Epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {}
  [[nodiscard]] bool valid() const { return fd_.valid(); }
  [[nodiscard]] int get() const { return fd_.get(); }
  /// Until its descriptor is closed. False when the kernel refuses.
  [[nodiscard]] bool add(Endpoint& endpoint) const {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &endpoint;
    return ::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, endpoint.fd.get(), &event) == 0;
  }

 private:
  UniqueFd fd_;
};

}  // namespace godwit::relay
