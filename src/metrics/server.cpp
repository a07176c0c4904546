#include "godwit/metrics/server.h"

#include <fmt/format.h>
#include <prometheus/exposer.h>

#include <exception>
#include <utility>

#include "godwit/base/ip_address.h"
#include "godwit/base/log.h"
#include "state.h"

namespace godwit::metrics {
namespace {

/// Prometheus asks one at a time; a second thread is for a person beside it.
constexpr std::size_t kThreads = 2;

struct Place {
  std::string host;  ///< in brackets where it is IPv6
  int port = 0;
};

Result<Place> parse_place(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  const bool has_port = colon != std::string::npos && colon + 1 < text.size() &&
                        text.find_first_not_of("0123456789", colon + 1) == std::string::npos &&
                        text.size() - colon <= 6;
  const int port = has_port ? std::stoi(text.substr(colon + 1)) : 0;
  if (host == "localhost") host = "127.0.0.1";
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  const auto ip = parse_ip(brackets ? host.substr(1, host.size() - 2) : host);
  if (has_port && port <= 65535 && ip && ip->v6 == brackets) return Place{host, port};
  return fail(ErrorCode::kBadInput, fmt::format("'{}' is no address to listen at", text),
              "write it as 127.0.0.1:9817, [::1]:9817, or 0.0.0.0:9817 for every address");
}

}  // namespace

struct Server::Parts {
  std::shared_ptr<prometheus::Collectable> metrics;
  prometheus::Exposer exposer;

  Parts(const std::string& address, std::shared_ptr<prometheus::Collectable> all)
      : metrics(std::move(all)), exposer(address, kThreads) {
    exposer.RegisterCollectable(metrics);
  }
};

Server::Server(std::unique_ptr<Parts> parts, std::string address)
    : parts_(std::move(parts)), address_(std::move(address)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::listen(const std::string& address, Metrics& metrics,
                                               const Metrics::KeptAfter& kept_after) {
  GODWIT_TRY(const Place place, parse_place(address));
  if (kept_after) {
    const auto counted = metrics.count_new(kept_after);
    if (!counted) log::warning("{}", counted.error().message);
  }
  try {
    auto parts =
        std::make_unique<Parts>(fmt::format("{}:{}", place.host, place.port), metrics.state_);
    const auto ports = parts->exposer.GetListeningPorts();
    const int port = ports.empty() ? place.port : ports.front();
    return std::unique_ptr<Server>(
        new Server(std::move(parts), fmt::format("{}:{}", place.host, port)));
  } catch (const std::exception& refused) {
    log::debug("{}: {}", address, refused.what());  // civetweb does not tell the kernel's reason
    return fail(ErrorCode::kEnvironment, fmt::format("can't listen at {}", address),
                "choose an address of this host and a port that nobody listens at "
                "(ss -lnt shows those)");
  }
}

}  // namespace godwit::metrics
