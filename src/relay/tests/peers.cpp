#include "peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <stdexcept>

#include "godwit/base/rng.h"

namespace godwit::relay {
namespace {

void give_up_after_a_minute(const UniqueFd& socket) {
  const timeval patience{60, 0};
  for (const int way : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    ::setsockopt(socket.get(), SOL_SOCKET, way, &patience, sizeof patience);
  }
}

}  // namespace

Destination::Destination(int receive_buffer)
    : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer > 0) {
    ::setsockopt(listening_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listening_.get(), any, size) != 0 || ::listen(listening_.get(), 64) != 0 ||
      ::getsockname(listening_.get(), any, &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  give_up_after_a_minute(listening_);
}

void Destination::fall_silent() {
  filler_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in mine{};
  socklen_t size = sizeof mine;
  auto* const address_of_mine = reinterpret_cast<sockaddr*>(&mine);
  if (::listen(listening_.get(), 0) != 0 ||
      ::getsockname(listening_.get(), address_of_mine, &size) != 0 ||
      ::connect(filler_.get(), address_of_mine, size) != 0) {
    throw std::runtime_error("cannot fall silent");
  }
}

UniqueFd Destination::accept() const {
  UniqueFd socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket.valid()) throw std::runtime_error("nobody connected");
  give_up_after_a_minute(socket);
  return socket;
}

namespace {

UniqueFd connect_by_tcp(const TcpAddress& where) {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(where.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to " + uri_of(where));
  }
  give_up_after_a_minute(socket);
  return socket;
}

}  // namespace

UniqueFd connect_to(const std::string& uri) {
  if (const auto tcp = tcp_address_of(uri)) return connect_by_tcp(*tcp);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  uri.substr(uri.find(':') + 1).copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to " + uri);
  }
  give_up_after_a_minute(socket);
  return socket;
}

bool send_all(const UniqueFd& socket, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t put =
        ::send(socket.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (put <= 0) return false;
    sent += static_cast<std::size_t>(put);
  }
  return true;
}

std::string receive(const UniqueFd& socket, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t some = ::recv(socket.get(), bytes.data() + got, size - got, 0);
    if (some <= 0) break;
    got += static_cast<std::size_t>(some);
  }
  bytes.resize(got);
  return bytes;
}

std::string receive_all(const UniqueFd& socket) {
  std::string bytes;
  for (std::string some; !(some = receive(socket, 65536)).empty();) bytes += some;
  return bytes;
}

void close_sending(const UniqueFd& socket) {
  (void)::shutdown(socket.get(), SHUT_WR);
}

void reset(UniqueFd socket) {
  const linger now{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::string noise(std::size_t size, unsigned seed) {
  Rng rng(seed);
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(), [&rng] { return static_cast<char>(rng.next()); });
  return bytes;
}

}  // namespace godwit::relay
