#pragma once

#include "godwit/control/migration_run.h"
#include "monitor.h"

namespace godwit::control {

/// A guest in post-copy feels it: said at once, long before anything is given up.
inline constexpr Seconds kSayStandstill{3};

/// What a person is shown.
[[nodiscard]] Progress progress_of(const Monitor& monitor, const Liveness& source,
                                   const EndForecast& forecast);

}  // namespace godwit::control
