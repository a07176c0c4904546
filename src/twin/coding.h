#pragma once

#include "godwit/domain/migration_plan.h"
#include "godwit/domain/technique.h"
#include "godwit/twin/guest.h"
#include "godwit/twin/host_pair.h"
#include "godwit/twin/migration.h"

/// What each technique makes of pages and of the guest's vCPUs.

namespace godwit::twin {

[[nodiscard]] Coding coding_of(Technique technique, const Guest& guest,
                               const MigrationParameters& parameters,
                               const HostPairConstants& pair);
[[nodiscard]] Throttling throttling_of(Technique technique, const MigrationParameters& parameters);

}  // namespace godwit::twin
