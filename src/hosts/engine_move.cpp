#include "godwit/hosts/engine_move.h"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::hosts {
namespace {

/// Hands on what a plan's watcher cares for.
class HandsOn final : public engine::Observer {
 public:
  explicit HandsOn(fleet::MoveWatcher& watcher) : watcher_(watcher) {}
  void warning(const std::string& text) override { watcher_.warning(text); }
  void on_migrating(const control::Progress& progress) override { watcher_.on_progress(progress); }

 private:
  fleet::MoveWatcher& watcher_;
};

engine::Request request_of(const fleet::MoveOrder& order, const std::string& store, bool tls) {
  engine::Request request;
  request.technique = order.move.technique;
  request.parameters = order.move.parameters;
  request.link = Link{order.move.rate, {}};
  request.profile = false;  // it was observed for the plan
  request.intent.max_time = order.patience;
  request.intent.no_postcopy = !uses_postcopy(order.move.technique);
  request.store = store;
  request.tls = tls;
  return request;
}

/// A QEMU as it is found; absent: nobody listens at its monitor. A connection that is closed at
/// once is none of that: it may be a forwarder's, whose other end is out of reach.
Result<std::optional<RunState>> state_at(engine::Engine& engine, const std::string& monitor) {
  auto vm = engine.open_monitor(monitor, engine::Access::kDrive);
  if (!vm) {
    if (vm.error().code == ErrorCode::kNotFound) return std::optional<RunState>();
    return fail(vm.error());
  }
  GODWIT_TRY(const MigrationStatus status, vm->hypervisor->migration_status());
  if (status.phase != MigrationPhase::kNone && !is_final(status.phase)) {
    return fail(ErrorCode::kBusy,
                fmt::format("a migration of it is under way ({})", to_string(status.phase)),
                "wait until it has ended");
  }
  GODWIT_TRY(const RunState state, vm->hypervisor->run_state());
  return std::optional(state);
}

bool gave_away(std::optional<RunState> state) {
  return !state || *state == RunState::kPostmigrate;
}
bool never_had(std::optional<RunState> state) {
  return !state || *state == RunState::kInmigrate;
}

}  // namespace

Result<MigrationOutcome> drive(engine::Engine& engine, engine::OpenPair& pair,
                               const fleet::MoveOrder& order, fleet::MoveWatcher& watcher,
                               const std::string& store, bool tls) {
  HandsOn observer(watcher);
  GODWIT_TRY(engine::PlannedMigration planned,
             engine.plan(pair, request_of(order, store, tls), observer));
  if (order.estimate != nullptr) {
    planned.before.profile = order.estimate->profile;
    planned.before.predicted = order.estimate->predicted;
    if (planned.before.predicted) {
      const auto* const row = find(*planned.before.predicted, order.move.technique);
      if (row != nullptr) planned.expected = *row;
    }
  }
  planned.await_turn = [&watcher] { return watcher.await_turn(); };
  GODWIT_TRY(OutcomeRecord record, engine.execute(pair, planned, observer));
  return std::move(record.outcome);
}

Result<Side> holder_of(engine::Engine& engine, const std::string& vm, const std::string& here,
                       const std::optional<std::string>& there) {
  const auto ask = [&](const std::string& monitor) -> Result<std::optional<RunState>> {
    auto state = state_at(engine, monitor);
    if (!state) return fail(state.error().while_doing(fmt::format("VM {} on {}", vm, monitor)));
    return state;
  };
  GODWIT_TRY(const auto source, ask(here));
  std::optional<RunState> destination;
  if (there) {
    GODWIT_TRY(destination, ask(*there));
  }
  if (!source && !destination) {
    return fail(ErrorCode::kNotFound, fmt::format("VM {} runs nowhere", vm));
  }
  if (source == RunState::kRunning && never_had(destination)) return Side::kSource;
  if (gave_away(source) && destination == RunState::kRunning) return Side::kDestination;
  const auto word = [](std::optional<RunState> state) {
    return state ? to_string(*state) : "not there";
  };
  return fail(ErrorCode::kBusy,
              fmt::format("VM {} does not simply run: {} on {}{}", vm, word(source), here,
                          there ? fmt::format(", {} on {}", word(destination), *there) : ""),
              "run godwit recover, which says what to do");
}

}  // namespace godwit::hosts
