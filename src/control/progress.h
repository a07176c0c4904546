#pragma once

#include <optional>

#include "godwit/control/migration_run.h"
#include "monitor.h"

namespace godwit::control {

/// A guest in post-copy feels it: said at once, long before anything is given up.
inline constexpr Seconds kSayStandstill{3};

/// What a person is shown. `predicted_total` is for the ETA.
[[nodiscard]] Progress progress_of(const Monitor& monitor, const Liveness& source,
                                   std::optional<Seconds> predicted_total);

}  // namespace godwit::control
