#pragma once

#include "godwit/control/preflight.h"

namespace godwit::control {

/// Does each disk find at the destination what the plan needs there? Pure; a part of `preflight`.
Result<void> check_disks(const PreflightFacts& facts, const MigrationPlan& plan);

}  // namespace godwit::control
