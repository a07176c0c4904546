#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/probe/transport.h"

namespace godwit::probe {

struct MessageProbeOptions {
  Transport transport = Transport::kTcp;
  int port = 0;  ///< 0: one that is free
  /// Listen in this network namespace (a path such as /run/netns/NAME).
  std::optional<std::string> netns{};
};

/// What a client saw of the messages that a guest's `tcp-send` or `udp-send` sent to it.
struct MessageReport {
  std::int64_t received = 0;
  std::int64_t lost = 0;          ///< numbers missing before the newest that came
  std::int64_t out_of_order = 0;  ///< came after a newer one (not lost, then)
  Seconds longest_gap{};          ///< between two arrivals, or from the last one to the end
  Seconds usual_gap{};            ///< median: gaps.h tells of which
  /// What ended the sender's connection, or made it worthless; empty: nothing did.
  std::string trouble;
  /// The longest gap less the usual one; where none was longer than usual, there was none.
  [[nodiscard]] Seconds outage() const { return std::max(Seconds{0}, longest_gap - usual_gap); }
};

/// Follows the numbers of messages (guest/README.md) and when they arrive, by the kernel's clock.
/// Listens as long as it lives, as `tcp-send` connects but once; measures between start() and
/// stop(), as often as wanted. One connection at a time, the newest: it takes the place of one that
/// is still there. One that brings what is no message is ended. One thread of its own; start() and
/// stop() are called from one other. Memory does not grow with what is sent.
class MessageProbe {
 public:
  /// Listens when this returns. kBusy: the port is taken; kPermission, kNotFound: the namespace.
  static Result<std::unique_ptr<MessageProbe>> listen(const MessageProbeOptions& options);
  ~MessageProbe();
  MessageProbe(const MessageProbe&) = delete;
  MessageProbe& operator=(const MessageProbe&) = delete;

  [[nodiscard]] int port() const;
  /// Counts from zero on. Returns once a message has arrived; kTimeout when none does within
  /// `patience`, with what came instead.
  Result<void> start(Seconds patience);
  /// Ends measuring, once another message has arrived or `linger` is over: an outage that goes on
  /// is not cut short. Gaps count that ended after `since_wall_us`. kTimeout when no message
  /// arrived since start().
  Result<MessageReport> stop(Seconds linger, std::int64_t since_wall_us = 0);

 private:
  class Worker;
  explicit MessageProbe(std::unique_ptr<Worker> worker);
  std::unique_ptr<Worker> worker_;
};

}  // namespace godwit::probe
