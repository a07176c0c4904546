#pragma once

#include <memory>
#include <stop_token>

#include "godwit/control/migration_run.h"
#include "godwit/twin/session.h"
#include "guests.h"

namespace godwit::control {

constexpr BytesPerSecond kLink = 40_MB_per_s;

inline GuestProfile writer(BytesPerSecond rate) {
  return model::testing::guest(256_MiB, 192_MiB, model::testing::uniform(64_MiB, rate));
}

/// One migration on the twin, on a clock that takes no time.
struct Simulated {
  Result<MigrationOutcome> go() {
    auto made = twin::Session::make(clock, profile, link, options);
    if (!made) return fail(made.error());
    session = std::move(*made);
    return run_migration(clock, *session, plan, *law, {}, run, stop.get_token());
  }

  ManualClock clock;
  GuestProfile profile = writer(10_MB_per_s);
  Link link{kLink, {}};
  twin::SessionOptions options;
  MigrationPlan plan;
  RunOptions run;
  std::unique_ptr<steer::Law> law = std::make_unique<steer::AsPlanned>();
  std::stop_source stop;
  std::unique_ptr<twin::Session> session;
};

/// By a law that knows the guest's profile.
inline MigrationOutcome steered(Simulated& run, const std::string& law) {
  run.run.known = {&run.profile, run.link, {}};
  run.law = steer::law_by_name(law, run.run.known).value();
  run.run.requested = {"precopy", law, run.plan.intent, run.run.observe_only};
  if (run.law->engages(run.plan)) {
    if (!run.run.observe_only) run.law->shape(run.plan);
    run.plan.may_end_by_postcopy = !run.plan.intent.no_postcopy;
  }
  return run.go().value();
}

}  // namespace godwit::control
