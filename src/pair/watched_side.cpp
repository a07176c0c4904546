#include "watched_side.h"

#include <algorithm>

#include "godwit/base/log.h"

namespace godwit::pair {
namespace {

/// A tunnel that broke is back after some seconds if somebody minds it.
constexpr Seconds kReconnectPatience{30};
constexpr Seconds kReconnectEvery{0.5};
constexpr Seconds kLookAgain{0.05};
/// From a killed process's closed sockets to its end.
constexpr Seconds kEndsWithin{2};

/// After these errors the connection is dead, whatever the process does.
bool is_lost(const Error& error) {
  return error.code == ErrorCode::kPeerGone || error.code == ErrorCode::kProtocol;
}

}  // namespace

std::optional<MigrationStatus> WatchedSide::migration_status() {
  if (!usable()) return std::nullopt;
  auto status = vm_.migration_status();
  if (status) {
    heard();
    return std::move(*status);
  }
  note_failure(status.error());
  return std::nullopt;
}

std::optional<RunState> WatchedSide::run_state() {
  if (!usable()) return std::nullopt;
  const auto state = vm_.run_state();
  if (state) {
    heard();
    return *state;
  }
  note_failure(state.error());
  return std::nullopt;
}

std::optional<HypervisorEvent> WatchedSide::next_event(TimePoint deadline) {
  if (usable() || ended_) {  // a process's last words come with its end
    auto event = vm_.next_event(deadline);
    if (event) {
      if (*event) heard();
      return std::move(*event);
    }
    note_failure(event.error());
  }
  (void)clock_.wait_until(deadline, {});  // a broken monitor returns at once
  return std::nullopt;
}

Result<void> WatchedSide::order(Result<void> (Hypervisor::*verb)()) {
  if (!usable()) return fail(ErrorCode::kPeerGone, "the connection to its monitor is lost");
  auto done = (vm_.*verb)();
  if (done) {
    heard();
  } else {
    note_failure(done.error());
  }
  return done;
}

bool WatchedSide::ended() {
  ended_ = ended_ || vm_.known_ended();
  return ended_;
}

bool WatchedSide::out_of_reach() const {
  return lost_since_ && clock_.now() - *lost_since_ > kReconnectPatience;
}

bool WatchedSide::reach(Seconds patience) {
  const TimePoint give_up = clock_.now() + patience;
  reaching_ = true;
  bool there = usable();
  while (!there && !ended() && clock_.now() < give_up) {
    (void)clock_.wait_until(std::min(give_up, clock_.now() + kLookAgain), {});
    there = usable();
  }
  reaching_ = false;
  return there;
}

/// There is a connection; where there was none, it is tried to open one.
bool WatchedSide::usable() {
  if (!lost_since_) return true;
  if (ended() || clock_.now() < next_try_ || (out_of_reach() && !reaching_)) return false;
  if (const auto again = vm_.reconnect(); !again) {
    log::debug("connecting anew: {}", again.error().message);
    next_try_ = clock_.now() + kReconnectEvery;
    return false;
  }
  log::info("the connection to a monitor was lost and is there again");
  lost_since_.reset();
  return true;
}

void WatchedSide::note_failure(const Error& error) {
  if (!is_lost(error) || lost_since_) return;
  lost_since_ = clock_.now();
  next_try_ = clock_.now();
  while (!ended() && clock_.now() - *lost_since_ < kEndsWithin) {
    (void)clock_.wait_until(clock_.now() + kLookAgain, {});
  }
  // What a process says before it ends still arrives.
  missed_events_ = missed_events_ || !ended_;
}

}  // namespace godwit::pair
