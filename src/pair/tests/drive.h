#pragma once

#include <memory>
#include <stop_token>
#include <utility>

#include "godwit/control/migration_run.h"
#include "godwit/control/rehearsal.h"
#include "godwit/pair/pair_session.h"
#include "godwit/pair/sink_session.h"

namespace godwit::pair {

/// One migration between two ends, as planned.
inline Result<MigrationOutcome> migrate(Clock& clock, const Ends& ends, const MigrationPlan& plan,
                                        const control::RunOptions& options, std::stop_token stop,
                                        const control::Onlookers& onlookers = {}) {
  const auto session = make_session(clock, ends);
  steer::AsPlanned law;
  return control::run_migration(clock, *session, plan, law, onlookers, options, std::move(stop));
}

inline Result<control::Rehearsal> rehearse(Clock& clock, Hypervisor& vm,
                                           const control::RehearsalOptions& options,
                                           std::stop_token stop, End end = {},
                                           Journal* journal = nullptr) {
  const auto session = make_sink_session(clock, vm, std::move(end), journal);
  return control::rehearse(clock, *session, options, std::move(stop));
}

}  // namespace godwit::pair
