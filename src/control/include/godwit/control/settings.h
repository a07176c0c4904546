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

}  // namespace godwit::control
