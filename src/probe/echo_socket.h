#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::probe {

/// One answer to an echo request of this socket's.
struct EchoAnswer {
  std::int64_t number = 0;           ///< of the question
  std::int64_t asked_wall_us = 0;    ///< when the question was sent, as the question itself says
  std::int64_t arrived_wall_ns = 0;  ///< by the kernel's clock at arrival, not at reading
};

/// An ICMP socket to one address: raw where that is allowed, else the kernel's unprivileged "ping"
/// socket. Not thread-safe.
class EchoSocket {
 public:
  /// kBadInput when `target` is no IPv4 address; kPermission names the right that is missing.
  static Result<EchoSocket> open(const std::string& target,
                                 const std::optional<std::string>& netns);

  /// Whatever the network makes of it: a question that cannot leave is a question without answer.
  void ask(std::int64_t number, std::int64_t wall_us);
  /// Hands over the answers that have arrived, without waiting.
  void collect(const std::function<void(const EchoAnswer&)>& on_answer);

 private:
  EchoSocket(UniqueFd fd, bool raw);

  UniqueFd fd_;
  bool raw_ = false;
  std::uint16_t id_ = 0;
  std::uint64_t cookie_ = 0;
};

}  // namespace godwit::probe
