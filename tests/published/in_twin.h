#pragma once

#include <string>

#include "godwit/control/migration_run.h"
#include "godwit/steer/laws.h"
#include "godwit/twin/session.h"

namespace godwit {

/// One migration of a guest that exists only as its profile, in the twin, by a law. Takes no time.
inline MigrationOutcome move_in_twin(const GuestProfile& profile, BytesPerSecond link,
                                     const std::string& law_name, MigrationPlan plan,
                                     const twin::SessionOptions& options = {}) {
  ManualClock clock;
  const auto session = twin::Session::make(clock, profile, Link{link, {}}, options).value();
  const auto law = steer::law_by_name(law_name).value();
  plan.parameters.max_bandwidth = link;
  law->shape(plan);
  return control::run_migration(clock, *session, plan, *law, {}, {}, {}).value();
}

}  // namespace godwit
