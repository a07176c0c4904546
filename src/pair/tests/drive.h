#pragma once

#include <memory>
#include <stop_token>
#include <utility>

#include "godwit/control/migration_run.h"
#include "godwit/control/rehearsal.h"
#include "godwit/pair/pair_session.h"
#include "godwit/pair/sink_session.h"

namespace godwit::pair {

/// One migration between two ends under a law.
inline Result<MigrationOutcome> migrate(Clock& clock, const Ends& ends, const MigrationPlan& plan,
                                        steer::Law& law, const control::RunOptions& options,
                                        std::stop_token stop,
                                        const control::Onlookers& onlookers = {}) {
  const auto session = make_session(clock, ends);
  return control::run_migration(clock, *session, plan, law, onlookers, options, std::move(stop));
}
/// As planned.
inline Result<MigrationOutcome> migrate(Clock& clock, const Ends& ends, const MigrationPlan& plan,
                                        const control::RunOptions& options, std::stop_token stop,
                                        const control::Onlookers& onlookers = {}) {
  steer::AsPlanned law;
  return migrate(clock, ends, plan, law, options, std::move(stop), onlookers);
}

/// Leaves vCPUs half of the time that they have, after each round.
class Halving final : public steer::Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "halving"; }
  Order after_round(const steer::RoundView& view) override {
    Order order;
    if (view.may_slow_down) order.cpu_quota = Ratio(view.cpu_quota.value() / 2);
    order.why = "another round has passed";
    return order;
  }
};

inline Result<control::Rehearsal> rehearse(Clock& clock, Hypervisor& vm,
                                           const control::RehearsalOptions& options,
                                           std::stop_token stop, End end = {},
                                           Journal* journal = nullptr) {
  const auto session = make_sink_session(clock, vm, std::move(end), journal);
  return control::rehearse(clock, *session, options, std::move(stop));
}

}  // namespace godwit::pair
