#include "peer_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "arrival.h"
#include "in_netns.h"

namespace godwit::probe {
namespace {

constexpr int kBacklog = 16;
// So that it is the network that loses datagrams, not a reader who had to wait for the CPU.
constexpr int kReceiveBytes = 4 << 20;

Result<UniqueFd> open_in(Transport transport, const std::optional<std::string>& netns) {
  const int type = transport == Transport::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  return in_netns(netns, [type]() -> Result<UniqueFd> {
    UniqueFd fd(socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) return fail(errno_error("opening a socket", errno));
    stamp_arrivals(fd.get());
    return fd;
  });
}

sockaddr generic(const sockaddr_in& address) {
  sockaddr as{};
  std::memcpy(&as, &address, sizeof address);
  return as;
}

sockaddr_in any_address(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

void set_option(const UniqueFd& fd, int level, int option, int value) {
  setsockopt(fd.get(), level, option, &value, sizeof value);
}

}  // namespace

Result<UniqueFd> listen_on(Transport transport, int port, const std::optional<std::string>& netns) {
  GODWIT_TRY(UniqueFd fd, open_in(transport, netns));
  if (transport == Transport::kTcp) {
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);  // former connections may linger
  } else {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBytes);  // without CAP_NET_ADMIN: less of it
    set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBytes);
  }
  const sockaddr address = generic(any_address(port));
  const bool bound = bind(fd.get(), &address, sizeof address) == 0;
  if (bound && (transport == Transport::kUdp || listen(fd.get(), kBacklog) == 0)) return fd;
  if (errno != EADDRINUSE)
    return fail(errno_error(fmt::format("listening on port {}", port), errno));
  return fail(ErrorCode::kBusy, fmt::format("port {} of the client is taken", port),
              "give each load a port of its own");
}

Result<int> port_of(const UniqueFd& fd) {
  sockaddr address{};
  socklen_t size = sizeof address;
  if (getsockname(fd.get(), &address, &size) != 0) {
    return fail(errno_error("asking for a socket's port", errno));
  }
  sockaddr_in in{};
  std::memcpy(&in, &address, sizeof in);
  return static_cast<int>(ntohs(in.sin_port));
}

Result<UniqueFd> begin_connecting(Transport transport, const std::string& address, int port,
                                  const std::optional<std::string>& netns) {
  sockaddr_in to = any_address(port);
  if (inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) {
    return fail(ErrorCode::kBadInput, fmt::format("'{}' is no IPv4 address", address),
                "give an address such as 10.77.0.100");
  }
  GODWIT_TRY(UniqueFd fd, open_in(transport, netns));
  if (transport == Transport::kTcp) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  const sockaddr peer = generic(to);
  if (connect(fd.get(), &peer, sizeof peer) != 0 && errno != EINPROGRESS) {
    return fail(ErrorCode::kPeerGone,
                fmt::format("connecting to {}:{}: {}", address, port, std::strerror(errno)),
                "check that the guest runs and has this address");
  }
  return fd;
}

int connect_result(const UniqueFd& fd) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

Received receive(const UniqueFd& fd, std::span<char> buffer) {
  const Arrived got = receive_stamped(fd.get(), std::as_writable_bytes(buffer));
  Received received;
  if (got.size > 0) {
    received.kind = Received::Kind::kData;
    received.size = static_cast<std::size_t>(got.size);
    received.wall_ns = got.wall_ns;
  } else if (got.size == 0 || (errno != EAGAIN && errno != EINTR)) {
    received.kind = Received::Kind::kEnd;
    received.error = got.size == 0 ? 0 : errno;
  }
  return received;
}

ClockPair read_both(const Clock& clock) {
  // a thread may lose the processor between two readings, which would be taken for time
  constexpr Seconds kAtOnce{0.0002};
  constexpr int kMostTries = 5;
  ClockPair best{};
  Seconds narrowest{};
  for (int i = 0; i < kMostTries; ++i) {
    const TimePoint before = clock.now();
    const std::int64_t wall_us = clock.wall_us();
    const Seconds width = clock.now() - before;
    if (i == 0 || width < narrowest) {
      best = {before, wall_us};
      narrowest = width;
    }
    if (narrowest <= kAtOnce) break;
  }
  return best;
}

TimePoint monotonic(std::int64_t wall_ns, const Clock& clock) {
  const ClockPair now = read_both(clock);
  const auto age = Nanoseconds(now.wall_us * 1000 - wall_ns);
  return std::min(now.monotonic, TimePoint(now.monotonic.time_since_epoch() - age));
}

void await(std::span<Awaited> what, std::optional<TimePoint> deadline, const Clock& clock) {
  std::vector<pollfd> fds;
  for (const Awaited& one : what) fds.push_back({one.fd, one.events, 0});
  timespec left{};
  if (deadline && *deadline > clock.now()) {
    const auto ns = std::chrono::duration_cast<Nanoseconds>(*deadline - clock.now()).count();
    if (ns > 0) left = {ns / 1'000'000'000, ns % 1'000'000'000};
  }
  (void)ppoll(fds.data(), fds.size(), deadline ? &left : nullptr, nullptr);
  for (std::size_t i = 0; i < fds.size(); ++i) what[i].ready = fds[i].revents != 0;
}

Result<Waker> Waker::make() {
  UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) return fail(errno_error("making an eventfd", errno));
  return Waker(std::move(fd));
}

void Waker::wake() const {
  (void)eventfd_write(fd_.get(), 1);
}

}  // namespace godwit::probe
