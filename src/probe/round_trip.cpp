#include "godwit/probe/round_trip.h"

#include <algorithm>
#include <vector>

#include "echo_socket.h"
#include "godwit/base/log.h"
#include "godwit/base/statistics.h"

namespace godwit::probe {
namespace {

constexpr std::size_t kPings = 20;
constexpr Seconds kBetween{0.01};
constexpr Seconds kPatience{1};

}  // namespace

std::optional<Seconds> measure_round_trip(const std::string& address,
                                          const std::optional<std::string>& netns, Clock& clock) {
  auto socket = EchoSocket::open(address, netns);
  if (!socket) {
    log::debug("no round trip: {}", socket.error().message);
    return std::nullopt;
  }
  std::vector<double> took;  // seconds
  const auto collect = [&] {
    socket->collect([&](const EchoAnswer& answer) {
      const std::int64_t ns = answer.arrived_wall_ns - answer.asked_wall_us * 1000;
      took.push_back(std::max(static_cast<double>(ns) * 1e-9, 0.0));
    });
  };
  const TimePoint begun = clock.now();
  for (std::size_t i = 0; i < kPings; ++i) {
    socket->ask(static_cast<std::int64_t>(i), clock.wall_us());
    (void)clock.wait_until(clock.now() + kBetween, {});
    collect();
  }
  while (took.size() < kPings && clock.now() < begun + kPatience) {
    (void)clock.wait_until(clock.now() + kBetween, {});
    collect();
  }
  if (took.size() < kPings / 2) return std::nullopt;
  return Seconds(quantile(took, 0.5));
}

}  // namespace godwit::probe
