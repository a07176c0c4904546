#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace godwit {

/// An address as numbers, so that two ways to write one compare equal.
struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  ///< the first four of IPv4

  /// 0.0.0.0 or ::, which stand for every address of a host.
  [[nodiscard]] bool is_any() const { return bytes == std::array<std::uint8_t, 16>{}; }
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

/// "10.0.0.2", "fe80::1", "::ffff:10.0.0.2", "fe80::1%eth0" (the zone is left out). Nothing for a
/// host's name and for what is no address. No brackets.
[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text);

}  // namespace godwit
