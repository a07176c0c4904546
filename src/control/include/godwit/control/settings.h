#pragma once

#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"

namespace godwit::control {

/// What a plan means for QEMU's switches, the same on both sides.
struct Settings {
  CapabilitySet on;   ///< needed
  CapabilitySet off;  ///< would make it another technique
  MigrationParameters parameters;
};

[[nodiscard]] Settings settings_for(const MigrationPlan& plan);

/// The other way round, as far as it can be told beforehand: streams, codec and throttle of a
/// migration that somebody else started. Its ending shows when it comes.
[[nodiscard]] Technique technique_of(const CapabilitySet& on,
                                     const MigrationParameters& parameters);

}  // namespace godwit::control
