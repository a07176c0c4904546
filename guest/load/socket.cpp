#include "socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "errors.h"
#include "godwit/guest/quantity.h"

namespace godwit::guest {
namespace {

constexpr int kConnectMs = 10'000;
constexpr int kBacklog = 64;
// So that it is the network that loses datagrams, not a receiver that had to wait for the CPU.
constexpr int kReceiveBytes = 4 << 20;

struct Address {
  Address(std::uint32_t ip, std::int64_t port) {
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(ip);
    in.sin_port = htons(static_cast<std::uint16_t>(port));
  }
  [[nodiscard]] const sockaddr* get() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&in));
  }
  sockaddr_in in{};
};

Fd open_socket(int type) {
  Fd fd(socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) throw_errno("socket");
  return fd;
}

void bind_to(const Fd& fd, std::int64_t port) {
  const Address any(INADDR_ANY, port);
  if (bind(fd.get(), any.get(), sizeof any.in) != 0) {
    throw_errno("port " + std::to_string(port));
  }
}

std::string name_of(std::uint32_t ip, std::int64_t port) {
  return "peer " + format_ip(ip) + ":" + std::to_string(port);
}

}  // namespace

Fd listen_tcp(std::int64_t port) {
  Fd fd = open_socket(SOCK_STREAM);
  const int on = 1;  // the former load's connections may linger
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  bind_to(fd, port);
  if (listen(fd.get(), kBacklog) != 0) throw_errno("port " + std::to_string(port));
  return fd;
}

Fd bind_udp(std::int64_t port) {
  Fd fd = open_socket(SOCK_DGRAM);
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes);
  bind_to(fd, port);
  return fd;
}

std::int64_t port_of(const Fd& fd) {
  Address address(INADDR_ANY, 0);
  sockaddr generic{};
  socklen_t size = sizeof generic;
  if (getsockname(fd.get(), &generic, &size) != 0) throw_errno("getsockname");
  std::memcpy(&address.in, &generic, sizeof address.in);
  return ntohs(address.in.sin_port);
}

Fd connect_udp(std::uint32_t ip, std::int64_t port) {
  Fd fd = open_socket(SOCK_DGRAM);
  const Address peer(ip, port);
  if (connect(fd.get(), peer.get(), sizeof peer.in) != 0) throw_errno(name_of(ip, port));
  return fd;
}

Fd connect_tcp(std::uint32_t ip, std::int64_t port) {
  Fd fd = open_socket(SOCK_STREAM);
  const Address peer(ip, port);
  if (connect(fd.get(), peer.get(), sizeof peer.in) != 0 && errno != EINPROGRESS) {
    throw_errno(name_of(ip, port));
  }
  pollfd ready{fd.get(), POLLOUT, 0};
  if (poll(&ready, 1, kConnectMs) != 1) throw_error(ETIMEDOUT, name_of(ip, port));
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) throw_error(error, name_of(ip, port));
  const int on = 1;  // a message is on its way when it says it was sent
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace godwit::guest
