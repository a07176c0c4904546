#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/ports.h"
#include "godwit/qmp/qmp_client.h"

namespace godwit::e2e {

/// Looks on at both sides of a pair, each by a monitor that nobody else uses, and keeps what they
/// said. When a guest's CPUs ran is known from QEMU's own events and their timestamps, on the one
/// clock of this host; a QEMU that ended runs nothing any more.
class GuestWatch {
 public:
  GuestWatch(const std::string& source, const std::string& destination, Clock& clock);
  ~GuestWatch();
  GuestWatch(const GuestWatch&) = delete;
  GuestWatch& operator=(const GuestWatch&) = delete;

  /// For how long so far both sides' guests ran at once: must be 0 for ever.
  [[nodiscard]] Seconds two_ran() const;
  /// How often such an event came ("STOP", "RESUME", "MIGRATION").
  [[nodiscard]] int count(Side side, const std::string& event) const;
  /// Returns true once an event has come, also if it came before the call; false if none does.
  bool await(Side side, const std::string& event);

 private:
  struct Span {
    std::int64_t from_us = 0;
    std::optional<std::int64_t> to_us{};
  };
  struct Seen {
    std::vector<Span> ran;
    std::vector<qmp::QmpEvent> events;
  };
  void look_on(const std::stop_token& stop, qmp::QmpClient client, Side side);
  void note(Side side, const qmp::QmpEvent& event);
  void begin(Side side, std::int64_t at_us);
  void end(Side side, std::int64_t at_us);
  [[nodiscard]] Seen& of(Side side) { return side == Side::kSource ? source_ : destination_; }
  [[nodiscard]] const Seen& of(Side side) const {
    return side == Side::kSource ? source_ : destination_;
  }

  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable news_;
  Seen source_;
  Seen destination_;
  std::vector<std::jthread> threads_;
};

}  // namespace godwit::e2e
