#include "godwit/control/rehearsal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "godwit/base/quantity.h"
#include "godwit/control/migration_run.h"
#include "godwit/steer/passes.h"
#include "godwit/steer/rehearsal_law.h"
#include "main_curve.h"

namespace godwit::control {
namespace {

constexpr Seconds kShortestWindow{0.05};
constexpr Seconds kLongestWindow{60};
constexpr Seconds kMonitorPatience{20};

constexpr const char* kBlindSpot =
    "the guest was slower than usual while it was measured: QEMU traps the first write to each "
    "page in a pass, and the first pass took CPU and memory bandwidth from it; undisturbed it may "
    "write more";

Result<void> check(const RehearsalOptions& options) {
  Seconds before{};
  for (const Seconds window : options.windows) {
    if (window <= before || window < kShortestWindow || window > kLongestWindow) {
      return fail(ErrorCode::kBadInput, "a rehearsal's windows must ascend from 50 ms to a minute");
    }
    before = window;
  }
  if (options.windows.empty() || options.deadline <= Seconds(0)) {
    return fail(ErrorCode::kBadInput, "a rehearsal needs windows and a deadline");
  }
  return {};
}

/// Why not every window was measured.
std::optional<std::string> why_early(const MigrationOutcome& outcome,
                                     const steer::RehearsalLaw& law,
                                     const RehearsalOptions& options) {
  if (law.done()) return std::nullopt;
  if (!law.ended_early().empty()) return law.ended_early();
  if (outcome.status == OutcomeStatus::kDidNotConverge) {
    return fmt::format("its deadline of {} came", human(options.deadline));
  }
  return outcome.reason;
}

Result<void> judge_guest(MigrationSession& sink, const MigrationOutcome& outcome) {
  const auto state = sink.run_state(Side::kSource);
  if (sink.liveness().ended) {
    return fail(ErrorCode::kPeerGone, "the VM's QEMU ended during the rehearsal, its guest with it",
                "look into QEMU's log for the reason");
  }
  if (!outcome.given_back.value_or(false)) {
    return fail(ErrorCode::kTimeout, outcome.reason,
                "QEMU ends it by itself now that its stream has no reader; make sure that the "
                "guest runs (QMP: query-status, else migrate_cancel), then run godwit recover, "
                "which gives the settings back");
  }
  if (state == RunState::kRunning) return {};
  return fail(ErrorCode::kRefused,
              fmt::format("the VM does not run after the rehearsal (state {})",
                          state ? to_string(*state) : "unknown"),
              sink.view().paused_as ? "somebody paused it: let it run again with QMP cont"
                                    : "let it run with QMP cont");
}

Error nothing_measured(const MigrationOutcome& outcome, const std::string& why) {
  const bool by_itself = outcome.status == OutcomeStatus::kFailed;
  return {by_itself ? ErrorCode::kRefused : ErrorCode::kTimeout,
          fmt::format("the rehearsal measured nothing: {}", why.empty() ? "no pass ended" : why),
          {"the guest runs on as before; profile it without ", Setting::kRehearse}};
}

}  // namespace

Result<Rehearsal> rehearse(Clock& clock, MigrationSession& sink, const RehearsalOptions& options,
                           const std::stop_token& stop) {
  GODWIT_CHECK_OK(check(options));
  steer::RehearsalLaw law(options.windows);
  MigrationPlan plan;
  plan.max_time = options.deadline;
  RunOptions run;
  run.longest_silence = kMonitorPatience;
  if (options.on_progress) {
    run.on_progress = [&](const Progress&) { options.on_progress(law.share_done()); };
  }
  const TimePoint started = clock.now();
  GODWIT_TRY(const MigrationOutcome outcome, run_migration(clock, sink, plan, law, {}, run, stop));
  GODWIT_CHECK_OK(judge_guest(sink, outcome));
  if (stop.stop_requested() && !law.done()) {
    return fail(ErrorCode::kInterrupted, "interrupted during the rehearsal",
                "the guest runs on as before; run the command again");
  }
  const auto early = why_early(outcome, law, options);
  std::vector<steer::Pass> passes = law.measured();
  if (passes.empty()) return fail(nothing_measured(outcome, early.value_or("")));
  Rehearsal rehearsal;
  rehearsal.points = steer::curve_of(std::move(passes));
  rehearsal.took = clock.now() - started;
  rehearsal.first_pass = law.first_pass();
  rehearsal.longest_stop = outcome.downtime.events.value_or(Seconds(0));
  rehearsal.ended_early = early;
  return rehearsal;
}

void put_into(GuestProfile& profile, const Rehearsal& rehearsal) {
  make_main(profile, {DirtySource::kRehearsal, kBlindSpot, rehearsal.points});
}

}  // namespace godwit::control
