#pragma once

#include <stop_token>
#include <utility>

#include "godwit/command/driver.h"
#include "godwit/control/migration_run.h"

namespace godwit::command {

/// One migration by a command line.
inline Result<MigrationOutcome> migrate(Clock& clock, CommandDriver& driver,
                                        const control::Onlookers& onlookers, Seconds max_time,
                                        const std::stop_token& stop) {
  const auto session = driver.session(stop);
  steer::AsPlanned law;
  MigrationPlan plan;
  plan.technique = driver.profile().technique;
  plan.max_time = max_time;
  return control::run_migration(clock, *session, plan, law, onlookers, {}, stop);
}

}  // namespace godwit::command
