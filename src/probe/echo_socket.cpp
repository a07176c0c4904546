#include "echo_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/icmp.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "arrival.h"
#include "in_netns.h"

namespace godwit::probe {
namespace {

/// What follows the ICMP header. Host byte order: only this process reads it back.
struct Payload {
  std::uint64_t cookie = 0;
  std::int64_t number = 0;
  std::int64_t asked_wall_us = 0;
  std::array<std::byte, 32> padding{};
};
struct Echo {
  icmphdr header{};
  Payload payload;
};
static_assert(sizeof(Echo) == 64, "as long as ping's own packets");

/// Internet checksum, RFC 1071.
std::uint16_t checksum(const Echo& echo) {
  const auto words = std::bit_cast<std::array<std::uint16_t, sizeof(Echo) / 2>>(echo);
  std::uint32_t sum = 0;
  for (const std::uint16_t word : words) sum += word;
  while (sum >> 16 != 0) sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xffffU);
}

struct Opened {
  UniqueFd fd;
  bool raw = false;
};

Result<Opened> open_socket() {
  constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  UniqueFd raw(socket(AF_INET, SOCK_RAW | kFlags, IPPROTO_ICMP));
  if (raw.valid()) return Opened{std::move(raw), true};
  if (errno != EPERM && errno != EACCES)
    return fail(errno_error("opening a raw ICMP socket", errno));
  UniqueFd ping(socket(AF_INET, SOCK_DGRAM | kFlags, IPPROTO_ICMP));
  if (ping.valid()) return Opened{std::move(ping), false};
  return fail(
      ErrorCode::kPermission, "sending pings needs CAP_NET_RAW",
      "run it as root, or allow pings with: sysctl net.ipv4.ping_group_range='0 2147483647'");
}

/// Best effort: without these options the probe is only less exact.
void tune(const Opened& socket) {
  stamp_arrivals(socket.fd.get());
  // After an outage a thousand answers may arrive at once (the length of a tap's queue).
  const int receive_buffer = 4 << 20;
  if (setsockopt(socket.fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer,
                 sizeof receive_buffer) != 0) {
    setsockopt(socket.fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  if (socket.raw) {
    const icmp_filter only_answers{~(1U << ICMP_ECHOREPLY)};
    setsockopt(socket.fd.get(), SOL_RAW, ICMP_FILTER, &only_answers, sizeof only_answers);
  }
}

/// The ICMP message in a packet; raw sockets deliver the IP header before it.
std::optional<Echo> echo_in(const std::byte* packet, std::size_t size, bool raw) {
  std::size_t header = 0;
  if (raw) {
    if (size == 0) return std::nullopt;
    header = std::to_integer<std::size_t>(packet[0] & std::byte{0x0f}) * 4;
  }
  if (size < header + sizeof(Echo)) return std::nullopt;
  Echo echo;
  std::memcpy(&echo, packet + header, sizeof echo);
  return echo;
}

}  // namespace

Result<EchoSocket> EchoSocket::open(const std::string& target,
                                    const std::optional<std::string>& netns) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (inet_pton(AF_INET, target.c_str(), &address.sin_addr) != 1) {
    return fail(ErrorCode::kBadInput, fmt::format("'{}' is no IPv4 address to ping", target),
                "give an address such as 10.77.0.100");
  }
  GODWIT_TRY(Opened opened, in_netns(netns, open_socket));
  tune(opened);
  sockaddr generic{};
  std::memcpy(&generic, &address, sizeof address);
  // Connected, the kernel hands over that host's answers only.
  if (connect(opened.fd.get(), &generic, sizeof address) != 0) {
    return fail(errno_error(fmt::format("reaching {}", target), errno));
  }
  return EchoSocket(std::move(opened.fd), opened.raw);
}

EchoSocket::EchoSocket(UniqueFd fd, bool raw) : fd_(std::move(fd)), raw_(raw) {
  // Other probes may ping the same host: the identifier and cookie tell the answers apart.
  if (getrandom(&cookie_, sizeof cookie_, 0) != static_cast<ssize_t>(sizeof cookie_)) cookie_ = 1;
  id_ = static_cast<std::uint16_t>(cookie_ & 0xffffU);
}

void EchoSocket::ask(std::int64_t number, std::int64_t wall_us) {
  Echo echo;
  echo.header.type = ICMP_ECHO;
  echo.header.un.echo.id = htons(id_);
  echo.header.un.echo.sequence = htons(static_cast<std::uint16_t>(number & 0xffff));
  echo.payload = {cookie_, number, wall_us, {}};
  echo.header.checksum = checksum(echo);
  (void)send(fd_.get(), &echo, sizeof echo, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void EchoSocket::collect(const std::function<void(const EchoAnswer&)>& on_answer) {
  std::array<std::byte, 512> packet{};
  for (int errors = 0; errors < 16;) {
    const Arrived got = receive_stamped(fd_.get(), packet);
    if (got.size < 0) {
      if (errno == EAGAIN) return;
      ++errors;  // the network's word on an earlier question (host unreachable); reading clears it
      continue;
    }
    const auto echo = echo_in(packet.data(), static_cast<std::size_t>(got.size), raw_);
    if (!echo || echo->header.type != ICMP_ECHOREPLY || echo->payload.cookie != cookie_) continue;
    on_answer({echo->payload.number, echo->payload.asked_wall_us, got.wall_ns});
  }
}

}  // namespace godwit::probe
