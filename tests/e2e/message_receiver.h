#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <thread>

#include "godwit/base/unique_fd.h"

namespace godwit::e2e {

/// Takes one TCP connection of a guest's `tcp-send` in a network namespace, and checks that its
/// messages come one after the other.
class MessageReceiver {
 public:
  /// Listens when this returns; throws std::runtime_error where it can't.
  MessageReceiver(const std::string& netns, int port);
  ~MessageReceiver();
  MessageReceiver(const MessageReceiver&) = delete;
  MessageReceiver& operator=(const MessageReceiver&) = delete;

  [[nodiscard]] std::int64_t in_order() const { return in_order_; }
  /// The connection ended, or something else than the next message came.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  void receive(const std::stop_token& stop);

  UniqueFd listener_;
  std::atomic<std::int64_t> in_order_{0};
  std::atomic<bool> broken_{false};
  std::jthread thread_;
};

}  // namespace godwit::e2e
