#pragma once

#include <optional>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"

namespace godwit::probe {

/// What a ping takes to that IPv4 address and back: the median of twenty. Takes a fifth of a second
/// and the last one's time, a second at most. Nothing where fewer than half are answered by then,
/// or asking is not allowed. `netns`: asked from there, as of PingOptions.
[[nodiscard]] std::optional<Seconds> measure_round_trip(const std::string& address,
                                                        const std::optional<std::string>& netns,
                                                        Clock& clock);

}  // namespace godwit::probe
