#pragma once

#include <memory>

#include "godwit/engine/engine.h"
#include "godwit/steer/law.h"
#include "godwit/steer/laws.h"

namespace godwit::engine {

/// What is known for a law, and for a forecast of the end. `planned` outlives it.
[[nodiscard]] steer::Known known_of(const PlannedMigration& planned);

/// The law that was asked for. One that predicts knows of the guest and the hosts what the plan was
/// made of.
Result<std::unique_ptr<steer::Law>> law_for(const PlannedMigration& planned);

}  // namespace godwit::engine
