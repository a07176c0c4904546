#include "sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>

namespace godwit::relay {
namespace {

/// How often a host that does not answer is asked again: after 1 and 3 s. It is given up after 7.
constexpr int kAskAgain = 2;

/// Of the receiver; the kernel doubles it.
constexpr Bytes kLocalQueue = 32_KiB;
/// The sender's queue begins with some dozen segments, and grows with what the receiver lets be
/// under way: with this host's own segments of 64 KiB it would begin with megabytes.
constexpr Bytes kLocalSegment{1448};

void set(int socket, int level, int option, int value) {
  (void)::setsockopt(socket, level, option, &value, sizeof value);
}

void set(int socket, int level, int option, Bytes value) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max() / 2;
  set(socket, level, option, static_cast<int>(std::min(value.count(), kMost)));
}

Bytes count(int socket, unsigned long what) {
  int bytes = 0;
  return ::ioctl(socket, what, &bytes) == 0 ? Bytes(bytes) : Bytes(0);
}

}  // namespace

Result<std::vector<SocketAddress>> resolve(const TcpAddress& address) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int status = ::getaddrinfo(address.host.c_str(), port.c_str(), &wanted, &found);
  if (status != 0) {
    return fail(ErrorCode::kNotFound, fmt::format("{}: {}", address.host, ::gai_strerror(status)),
                "give the destination's IP address");
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
  std::vector<SocketAddress> all;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress& next = all.emplace_back();
    std::memcpy(&next.storage, one->ai_addr, one->ai_addrlen);
    next.size = one->ai_addrlen;
  }
  return all;
}

Result<UniqueFd> listen_at(const std::string& path, std::optional<uid_t> owner) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kBadInput, path + " is too long for a socket");
  }
  path.copy(address.sun_path, path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid() ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0 ||
      (owner && ::chown(path.c_str(), *owner, static_cast<gid_t>(-1)) != 0)) {
    return fail(errno_error("listening at " + path, errno));
  }
  return socket;
}

Result<UniqueFd> listen_at_port(int port) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);         // of an earlier one that still ends
  set(socket.get(), SOL_SOCKET, SO_RCVBUF, kLocalQueue);  // those that it takes have the same
  set(socket.get(), IPPROTO_TCP, TCP_MAXSEG, kLocalSegment);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket.valid() &&
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(socket.get(), SOMAXCONN) == 0) {
    return socket;
  }
  const bool taken = errno == EADDRINUSE;
  Error error = errno_error(fmt::format("listening at port {} of 127.0.0.1", port), errno);
  if (taken) error.code = ErrorCode::kBusy;
  return fail(std::move(error));
}

Result<SocketPair> connected_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(errno_error("making a socket pair", errno));
  }
  SocketPair pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (::fcntl(pair.ours.get(), F_SETFL, O_NONBLOCK) != 0) {
    return fail(errno_error("making a socket pair", errno));
  }
  return pair;
}

void bound_unix_queue(const UniqueFd& socket, Bytes most) {
  set(socket.get(), SOL_SOCKET, SO_SNDBUF, Bytes(most.count() / 2));  // the kernel doubles it
}

Result<UniqueFd> begin_connect(const SocketAddress& address) {
  UniqueFd socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail(errno_error("making a socket", errno));
  set(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  // The kernel's own six tries are further and further apart, up to half a minute: QEMU, which has
  // its connection to the relay at once, would wait that long for a link that is back since.
  set(socket.get(), IPPROTO_TCP, TCP_SYNCNT, kAskAgain);
  const auto* const name = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(socket.get(), name, address.size) != 0 && errno != EINPROGRESS) {
    return fail(errno_error("connecting", errno));
  }
  return socket;
}

int error_of(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void bound_send_queue(int socket, Bytes unsent, Bytes unacknowledged) {
  set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent);
  set(socket, SOL_SOCKET, SO_SNDBUF, Bytes(unacknowledged.count() / 2));  // the kernel doubles it
}

Bytes unacknowledged(int socket) {
  return count(socket, SIOCOUTQ);
}

Bytes readable(int socket) {
  return count(socket, FIONREAD);
}

Seconds round_trip(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return Seconds(0);
  return Seconds(1e-6 * info.tcpi_min_rtt);
}

void reset_on_close(int socket) {
  const linger now{1, 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace godwit::relay
