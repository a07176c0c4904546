// Sockets of IPv4, none of which ever blocks.
#pragma once

#include <cstdint>

#include "fd.h"

namespace godwit::guest {

// All throw std::system_error that names the port or peer.
[[nodiscard]] Fd listen_tcp(std::int64_t port);
[[nodiscard]] Fd bind_udp(std::int64_t port);
[[nodiscard]] Fd connect_udp(std::uint32_t ip, std::int64_t port);
// Waits for the connection, at most 10 s.
[[nodiscard]] Fd connect_tcp(std::uint32_t ip, std::int64_t port);

}  // namespace godwit::guest
