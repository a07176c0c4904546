#pragma once

#include <memory>
#include <string_view>

#include "godwit/engine/engine.h"
#include "godwit/steer/law.h"

namespace godwit::engine {

/// The law that leaves the hypervisor alone.
inline constexpr std::string_view kNoLaw = "none";

/// The law that was asked for. One that predicts knows of the guest and the hosts what the plan was
/// made of.
Result<std::unique_ptr<steer::Law>> law_for(const PlannedMigration& planned);

}  // namespace godwit::engine
