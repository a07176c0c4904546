#include "godwit/engine/link_estimate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>

#include "godwit/base/unique_fd.h"
#include "godwit/domain/address.h"

namespace godwit::engine {
namespace {

/// QEMU's default max-bandwidth (migration/options.c: MAX_THROTTLE 128 MiB/s).
constexpr BytesPerSecond kQemuDefault(128.0 * 1048576);

/// What libvirt sets for "no limit" is far beyond it.
constexpr BytesPerSecond kBeyondAnyLink(1e12);

/// "tcp:10.0.0.2:4444" → "10.0.0.2"; of another kind of stream, all of it.
std::string host_of(const std::string& stream) {
  const auto tcp = tcp_address_of(stream);
  return tcp ? tcp->host : stream;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
  void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
};

bool same_address(const sockaddr* a, const sockaddr* b) {
  if (a == nullptr || a->sa_family != b->sa_family) return false;
  if (a->sa_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(a)->sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in*>(b)->sin_addr.s_addr;
  }
  return a->sa_family == AF_INET6 &&
         std::memcmp(&reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr,
                     &reinterpret_cast<const sockaddr_in6*>(b)->sin6_addr, sizeof(in6_addr)) == 0;
}

/// The local address from which the kernel would reach `host`: a UDP socket that is "connected"
/// sends nothing.
std::optional<std::string> interface_towards(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (host.empty() || ::getaddrinfo(host.c_str(), "9", &hints, &found) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  const UniqueFd socket(::socket(addresses->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage local{};
  socklen_t size = sizeof(local);
  auto* const local_address = reinterpret_cast<sockaddr*>(&local);
  if (!socket.valid() || ::connect(socket.get(), addresses->ai_addr, addresses->ai_addrlen) != 0 ||
      ::getsockname(socket.get(), local_address, &size) != 0) {
    return std::nullopt;
  }
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, FreeAddresses> interfaces(list);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (same_address(one->ifa_addr, local_address)) return std::string(one->ifa_name);
  }
  return std::nullopt;
}

}  // namespace

std::optional<BytesPerSecond> rate_from_history(const std::vector<OutcomeRecord>& records) {
  std::optional<BytesPerSecond> fastest;
  for (const OutcomeRecord& record : records) {
    const MigrationOutcome& o = record.outcome;
    if (o.status != OutcomeStatus::kCompleted || o.parameters.max_bandwidth || !o.total_time ||
        o.storage ||  // most of its time was the disks', which QEMU's bytes don't count
        !o.transferred.qemu || o.total_time->count() <= 0) {
      continue;
    }
    const BytesPerSecond seen = *o.transferred.qemu / *o.total_time;
    if (!fastest || seen > *fastest) fastest = seen;
  }
  return fastest;
}

std::optional<BytesPerSecond> rate_of_interface(std::string_view stream) {
  const auto interface = interface_towards(host_of(std::string(stream)));
  if (!interface) return std::nullopt;
  double mbit_per_s = 0;
  std::ifstream speed("/sys/class/net/" + *interface + "/speed");
  if (!(speed >> mbit_per_s) || mbit_per_s <= 0) return std::nullopt;
  return BytesPerSecond(mbit_per_s * 125e3);
}

LinkEstimate estimate_link(const std::vector<OutcomeRecord>& records, std::string_view stream,
                           std::optional<BytesPerSecond> qemu_max_bandwidth) {
  const bool unlimited = qemu_max_bandwidth && *qemu_max_bandwidth >= kBeyondAnyLink;
  const bool limited = !unlimited && qemu_max_bandwidth && qemu_max_bandwidth->value() > 0;
  const BytesPerSecond limit = limited ? *qemu_max_bandwidth : kQemuDefault;
  const auto at_most_limit = [&](BytesPerSecond rate, std::string origin) {
    return unlimited || rate < limit ? LinkEstimate{{rate, {}}, std::move(origin)}
                                     : LinkEstimate{{limit, {}}, "QEMU's max-bandwidth"};
  };
  if (const auto seen = rate_from_history(records)) {
    return at_most_limit(*seen, "earlier migrations to this host");
  }
  if (const auto stated = rate_of_interface(stream)) {
    return at_most_limit(*stated, "the interface's speed");
  }
  return {{limit, {}},
          unlimited ? "QEMU's usual max-bandwidth, as nothing is known of the link"
                    : "QEMU's max-bandwidth, as nothing is known of the link"};
}

}  // namespace godwit::engine
