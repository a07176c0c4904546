#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"
#include "godwit/base/units.h"
#include "godwit/domain/address.h"

/// The kernel's sockets as the relay uses them. All are non-blocking but one.

namespace godwit::relay {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// Every address of the host, in the order in which they are to be tried; at least one. May take
/// seconds for a name. kNotFound.
Result<std::vector<SocketAddress>> resolve(const TcpAddress& address);

/// A UNIX socket that listens at `path`, for `owner` where that is not this user.
Result<UniqueFd> listen_at(const std::string& path, std::optional<uid_t> owner);

/// A TCP socket that listens at that port of 127.0.0.1, and lets about as much wait in each
/// connection as a UNIX socket does. kBusy where somebody has the port.
Result<UniqueFd> listen_at_port(int port);

struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;  ///< blocks, as QEMU expects
};
Result<SocketPair> connected_pair();
/// Bounds what waits in a UNIX socket to be read by the other end.
void bound_unix_queue(const UniqueFd& socket, Bytes most);

/// Begins to connect; errors of the connection itself come with `error_of`.
Result<UniqueFd> begin_connect(const SocketAddress& address);

/// The pending error of a socket as errno; 0 for none. It is told once.
int error_of(int socket);

/// Bounds what waits in a TCP socket: `unsent` of what was not sent at all, `unacknowledged` of
/// that and of what is under way. Congestion control alone keeps a megabyte under way where a
/// queue on the link allows it.
void bound_send_queue(int socket, Bytes unsent, Bytes unacknowledged);

/// What the kernel has to send on a TCP socket, until it is acknowledged.
Bytes unacknowledged(int socket);
/// What the kernel has received on a socket.
Bytes readable(int socket);
/// The least round trip that the kernel has seen on a TCP socket.
Seconds round_trip(int socket);

/// From now on closing this TCP socket resets the connection.
void reset_on_close(int socket);

}  // namespace godwit::relay
