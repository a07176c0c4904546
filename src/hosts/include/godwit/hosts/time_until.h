#pragma once

#include <cstdint>
#include <string_view>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

namespace godwit::hosts {

/// From now until a time that a person wrote: "30m" (from now), "22:30" (today, as this machine's
/// clock shows it), "2026-11-27T22:30:00Z". Negative where it has passed. kBadInput.
Result<Seconds> time_until(std::string_view text, std::int64_t now_wall_us);

}  // namespace godwit::hosts
