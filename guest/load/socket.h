// Sockets of IPv4, none of which ever blocks.
#pragma once

#include <cstdint>

#include "fd.h"

namespace godwit::guest {

// All throw std::system_error that names the port or peer.
[[nodiscard]] Fd listen_tcp(std::int64_t port);
[[nodiscard]] Fd bind_udp(std::int64_t port);
[[nodiscard]] Fd connect_udp(std::uint32_t ip, std::int64_t port);
// Which one it is, for a socket that was bound to port 0: any that is free.
[[nodiscard]] std::int64_t port_of(const Fd& fd);
// Waits for the connection, at most 10 s.
[[nodiscard]] Fd connect_tcp(std::uint32_t ip, std::int64_t port);

}  // namespace godwit::guest
