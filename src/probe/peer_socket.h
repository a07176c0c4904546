#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"
#include "godwit/probe/transport.h"

/// Sockets of IPv4 in any network namespace, none of which ever blocks, and the waiting for them.

namespace godwit::probe {

/// Listens (TCP) or receives (UDP) on `port`; 0 takes a free one. kBusy when it is taken.
Result<UniqueFd> listen_on(Transport transport, int port, const std::optional<std::string>& netns);
/// Port of a bound socket.
Result<int> port_of(const UniqueFd& fd);

/// Begins to connect; `connect_result` tells how that went, once the socket is writable.
/// kBadInput when `address` is no IPv4 address.
Result<UniqueFd> begin_connecting(Transport transport, const std::string& address, int port,
                                  const std::optional<std::string>& netns);
/// 0, or the errno that it ended with.
int connect_result(const UniqueFd& fd);

struct Received {
  enum class Kind { kData, kNothing, kEnd };
  Kind kind = Kind::kNothing;
  std::size_t size = 0;
  std::int64_t wall_ns = 0;  ///< when the newest of it arrived, by the kernel's clock
  int error = 0;             ///< errno that ended it; 0: the peer hung up
};
/// Reads what is there, up to the buffer's size, without waiting.
Received receive(const UniqueFd& fd, std::span<char> buffer);

/// One moment by both clocks.
struct ClockPair {
  TimePoint monotonic{};
  std::int64_t wall_us = 0;
};
ClockPair read_both(const Clock& clock);

/// The same moment on the clock's own time line; not later than now.
TimePoint monotonic(std::int64_t wall_ns, const Clock& clock);

/// A socket (or not: fd -1) and what is awaited of it.
struct Awaited {
  int fd = -1;
  short events = 0;
  bool ready = false;  ///< set by `await`
};
/// Returns when one is ready, or at the deadline; absent: whenever.
void await(std::span<Awaited> what, std::optional<TimePoint> deadline, const Clock& clock);

/// Wakes a thread that waits in `await`. Thread-safe.
class Waker {
 public:
  static Result<Waker> make();
  void wake() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit Waker(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace godwit::probe
