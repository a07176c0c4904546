#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "godwit/base/units.h"

namespace godwit::probe {

/// What a VM sent and received by its network devices.
struct TapTraffic {
  Bytes sent;
  Bytes received;
  friend bool operator==(const TapTraffic&, const TapTraffic&) = default;
};

/// Of a QEMU process, over all tap interfaces that it holds open, as its own network namespace
/// counts them; absent where it holds none or they cannot be looked at. Any thread.
[[nodiscard]] std::optional<TapTraffic> tap_traffic_of(std::int64_t pid);

/// The interface that an open tun file belongs to, by its text in /proc/PID/fdinfo. Pure.
[[nodiscard]] std::optional<std::string_view> tap_in(std::string_view fdinfo);

}  // namespace godwit::probe
