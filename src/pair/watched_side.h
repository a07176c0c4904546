#pragma once

#include <optional>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::pair {

/// One side of a migration, asked and listened to over a connection that may break. A lost
/// connection is opened anew; only a process that is known to have ended is `ended`.
class WatchedSide {
 public:
  WatchedSide(Clock& clock, Hypervisor& vm) : clock_(clock), vm_(vm), last_answer_(clock.now()) {}

  /// Nothing when there was no answer.
  std::optional<MigrationStatus> migration_status();
  std::optional<RunState> run_state();
  /// The next event; nothing when none came by the deadline, which is awaited in any case.
  std::optional<HypervisorEvent> next_event(TimePoint deadline);
  /// Gives an order, by a member of Hypervisor that takes nothing.
  Result<void> order(Result<void> (Hypervisor::*verb)());

  /// The QEMU process is known to have ended.
  [[nodiscard]] bool ended();
  /// The connection is there, as far as is known.
  [[nodiscard]] bool connected() const { return !lost_since_; }
  /// The connection is lost, and could not be opened anew for so long that it is given up.
  [[nodiscard]] bool out_of_reach() const;
  /// Events were lost: the connection was opened anew, or is lost.
  [[nodiscard]] bool missed_events() const { return missed_events_; }
  [[nodiscard]] Seconds silent_for() const { return clock_.now() - last_answer_; }
  /// Silence before now does not count.
  void forgive_silence() { last_answer_ = clock_.now(); }
  /// Tries to connect until it does, the process ends, or `patience` is over.
  bool reach(Seconds patience);

 private:
  bool usable();
  void heard() { last_answer_ = clock_.now(); }
  void note_failure(const Error& error);

  Clock& clock_;
  Hypervisor& vm_;
  std::optional<TimePoint> lost_since_;
  TimePoint next_try_{};
  TimePoint last_answer_;
  bool ended_ = false;
  bool reaching_ = false;  ///< it is tried once more, although it was given up
  bool missed_events_ = false;
};

}  // namespace godwit::pair
