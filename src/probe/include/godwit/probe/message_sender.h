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

struct MessageSenderOptions {
  Transport transport = Transport::kTcp;
  std::string target;  ///< IPv4 address
  int port = 0;
  /// Send from this network namespace (a path such as /run/netns/NAME).
  std::optional<std::string> netns{};
  BytesPerSecond rate{500e3};
  int message_bytes = 1024;  ///< header included; 32 to 65507
};

struct SenderReport {
  std::int64_t sent = 0;  ///< messages; what the network did not take has its number too
  /// TCP: the longest time without an acknowledgement, and the usual one, to 10 ms. UDP tells none.
  std::optional<Seconds> longest_gap;
  std::optional<Seconds> usual_gap;
  std::string trouble;  ///< what ended the connection; empty: nothing did
  [[nodiscard]] std::optional<Seconds> outage() const {
    if (!longest_gap || !usual_gap) return std::nullopt;
    return std::max(Seconds{0}, *longest_gap - *usual_gap);
  }
};

/// Sends numbered messages (guest/README.md) to a guest's `tcp-receive` or `udp-receive`, whose
/// report tells what it missed. In slices of 10 ms, with the clock; what fell due more than 100 ms
/// ago is dropped without a number, as the guest's senders do. TCP connects once. One thread of its
/// own between start() and stop(), which are called from one other; one message is kept.
class MessageSender {
 public:
  explicit MessageSender(MessageSenderOptions options);
  ~MessageSender();
  MessageSender(const MessageSender&) = delete;
  MessageSender& operator=(const MessageSender&) = delete;

  /// Returns once it sends; kTimeout or kPeerGone when TCP can't connect. A sender is started once.
  Result<void> start(Seconds patience);
  /// Ends sending. What TCP still has to hand over is awaited for up to `linger`, so that an outage
  /// that goes on is not cut short. Gaps count that ended after `since_wall_us`.
  Result<SenderReport> stop(Seconds linger, std::int64_t since_wall_us = 0);

 private:
  class Worker;
  MessageSenderOptions options_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace godwit::probe
