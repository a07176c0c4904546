#include <utility>

#include "godwit/control/migration_run.h"
#include "godwit/control/settings.h"
#include "godwit/engine/engine.h"
#include "godwit/pair/watch_session.h"
#include "godwit/steer/law.h"

/// How a migration that somebody else drives is followed.

namespace godwit::engine {
namespace {

/// Somebody who starts one does not notice.
constexpr Seconds kLookEvery{0.1};

}  // namespace

Result<bool> Engine::await_migration(OpenVm& vm, bool wait) {
  while (true) {
    GODWIT_TRY(const RunState state, vm.hypervisor->run_state());
    if (state == RunState::kInmigrate) {
      return fail(ErrorCode::kBadInput, "this VM receives a migration",
                  "watch the VM that it comes from");
    }
    GODWIT_TRY(const MigrationStatus status, vm.hypervisor->migration_status());
    if (pair::is_under_way(status)) return true;
    if (!wait) return false;
    if (!clock_.wait_until(clock_.now() + kLookEvery, stop_)) {
      return fail(ErrorCode::kInterrupted, "interrupted while waiting for a migration to begin");
    }
  }
}

Result<MigrationOutcome> Engine::watch(OpenVm& vm, const Intent& intent, Observer& observer) {
  MigrationPlan plan;
  GODWIT_TRY(const CapabilitySet on, vm.hypervisor->capabilities());
  GODWIT_TRY(plan.parameters, vm.hypervisor->parameters());
  plan.technique = control::technique_of(on, plan.parameters);
  plan.intent = intent;
  control::RunOptions options;
  options.requested = {to_string(plan.technique), std::string(kNoLaw), intent};
  options.on_progress = [&observer](const control::Progress& p) { observer.on_migrating(p); };
  options.on_event = [&observer](const control::RunEvent& event) { observer.on_event(event); };
  options.on_warning = [&observer](const std::string& text) { observer.warning(text); };
  const auto session = pair::make_watch_session(clock_, *vm.hypervisor);
  steer::AsPlanned nothing;
  auto outcome = control::run_migration(clock_, *session, plan, nothing, {}, options, stop_);
  if (!outcome && outcome.error().code == ErrorCode::kInterrupted) {
    return fail(ErrorCode::kInterrupted,
                "interrupted before anything was seen of the migration, "
                "which goes on",
                "run the command again");
  }
  return outcome;
}

}  // namespace godwit::engine
