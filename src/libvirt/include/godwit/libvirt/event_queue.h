#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"

namespace godwit::libvirt {

/// Something that a daemon said of a domain. Daemons put no time on it: it is when it arrived here.
struct DomainEvent {
  enum class Kind { kStarted, kSuspended, kResumed, kStopped, kShuttingDown, kPass, kJobEnded };
  Kind kind = Kind::kStarted;
  Side side = Side::kSource;  ///< whose daemon said it
  int detail = 0;             ///< VIR_DOMAIN_EVENT_…_DETAIL of the first five
  std::int64_t pass = 0;      ///< of kPass
  MigrationStatus ended{};    ///< of kJobEnded: its statistics
  std::int64_t wall_us = 0;
};

/// What daemons say, in order. Filled by the thread of libvirt's event loop, emptied by another.
class EventQueue {
 public:
  void push(DomainEvent event);
  /// The next one, or nothing when `deadline` passes, or when `wake` was called.
  std::optional<DomainEvent> next(const Clock& clock, TimePoint deadline);
  /// Has a `next` that waits return. Any thread.
  void wake();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<DomainEvent> events_;
  bool woken_ = false;
  RealClock clock_;
};

}  // namespace godwit::libvirt
