#include "network.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <sstream>
#include <vector>

#include "command.h"
#include "line.h"
#include "paths.h"

namespace godwit::lab {
namespace {

// Ethernet, IPv4 and TCP with timestamps around 1448 bytes of stream at an MTU of 1500.
constexpr double kWirePerPayload = 1514.0 / 1448.0;
// tbf must hold one large send (64 KiB) and what comes due while the kernel is late to wake it up:
// one tick of 250 Hz. Measured here with one TCP connection: 5…400 MB/s within 1 % of the rate
// wanted; with 70 kB instead, 400 MB/s gave 337.
constexpr std::int64_t kLeastBurst = 128 << 10;
constexpr double kBurstSeconds = 0.004;
constexpr const char* kQueueLatency = "50ms";  // TCP fills it with 1–2 large sends, far below

/// Runs `ip` or `tc` with blank-separated words; none of them can hold a blank.
Result<void> run(const LabLock& lock, const std::string& line) {
  Command command;
  std::istringstream words(line);
  for (std::string word; words >> word;) command.arguments.push_back(word);
  command.package = "iproute2";
  command.keep_open = lock.fd();
  auto output = run_command(command);
  if (!output) return fail(std::move(output).error());
  return {};
}

Result<void> run_all(const LabLock& lock, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) GODWIT_CHECK_OK(run(lock, line));
  return {};
}

/// A switch: forwards at once, and keeps its own chatter off the wire.
std::vector<std::string> bridge_lines(const std::string& netns, const std::string& name) {
  return {fmt::format("ip -n {} link add name {} type bridge mcast_snooping 0", netns, name),
          fmt::format("ip -n {} link set dev {} up", netns, name)};
}

bool has_line(const LabSpec& spec) {
  return spec.round_trip > Seconds(0);
}

Result<void> build_middle(const LabLock& lock, const LabSpec& spec) {
  const std::string client = netns_name(lock.lab(), kClient);
  const std::string middle = netns_name(lock.lab(), kSwitch);
  for (const std::string& netns : {client, middle}) {
    GODWIT_CHECK_OK(run(lock, fmt::format("ip netns add {}", netns)));
    GODWIT_CHECK_OK(run(lock, fmt::format("ip -n {} link set dev lo up", netns)));
  }
  GODWIT_CHECK_OK(run_all(lock, bridge_lines(client, "service")));
  GODWIT_CHECK_OK(
      run(lock, fmt::format("ip -n {} address add {}/24 dev service", client, kClientAddress)));
  return has_line(spec) ? Result<void>() : run_all(lock, bridge_lines(middle, "migration"));
}

/// `replace` also makes what is not there yet.
std::string shape_line(const LabSpec& spec, std::size_t index) {
  const Shape shape = shape_for(spec.migration_rate);
  return fmt::format("tc -n {} qdisc replace dev {} root tbf rate {}bit burst {} latency {}",
                     netns_name(spec.name, spec.hosts[index]), kMigrationInterface,
                     shape.rate_bits_per_s, shape.burst_bytes, kQueueLatency);
}

/// A cable to the switch.
Result<void> plug_into_switch(const LabLock& lock, const std::string& host, std::size_t index) {
  const std::string middle = netns_name(lock.lab(), kSwitch);
  const std::string port = fmt::format("port{}", index);
  return run_all(lock, {fmt::format("ip -n {} link add name {} type veth peer name {} netns {}",
                                    middle, port, kMigrationInterface, host),
                        fmt::format("ip -n {} link set dev {} master migration up", middle, port)});
}

Result<UniqueFd> plug_into_line(const LabLock& lock, const std::string& host, std::size_t index) {
  GODWIT_TRY(UniqueFd end, make_line_end(netns_path(host)));
  const MacAddress mac = migration_mac(index);
  GODWIT_CHECK_OK(run(lock, fmt::format("ip -n {} link set dev {} address {:02x}", host,
                                        kMigrationInterface, fmt::join(mac, ":"))));
  return end;
}

Result<void> build_host(const LabLock& lock, const LabSpec& spec, std::size_t index,
                        std::vector<UniqueFd>& line) {
  const std::string host = netns_name(spec.name, spec.hosts[index]);
  const std::string client = netns_name(spec.name, kClient);
  const std::string port = fmt::format("port{}", index);
  GODWIT_CHECK_OK(run(lock, fmt::format("ip netns add {}", host)));
  GODWIT_CHECK_OK(run(lock, fmt::format("ip -n {} link set dev lo up", host)));
  GODWIT_CHECK_OK(run_all(lock, bridge_lines(host, "service")));
  GODWIT_CHECK_OK(
      run_all(lock, {fmt::format("ip -n {} link add name {} type veth peer name uplink netns {}",
                                 client, port, host),
                     fmt::format("ip -n {} link set dev {} master service up", client, port),
                     fmt::format("ip -n {} link set dev uplink master service up", host)}));
  if (has_line(spec)) {
    GODWIT_TRY(UniqueFd end, plug_into_line(lock, host, index));
    line.push_back(std::move(end));
  } else {
    GODWIT_CHECK_OK(plug_into_switch(lock, host, index));
  }
  return run_all(lock, {fmt::format("ip -n {} address add {}/24 dev {}", host,
                                    migration_address(index), kMigrationInterface),
                        fmt::format("ip -n {} link set dev {} up", host, kMigrationInterface),
                        shape_line(spec, index)});
}

}  // namespace

Result<void> check_tun() {
  const UniqueFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (tun.valid()) return {};
  if (errno == EACCES || errno == EPERM) {
    return fail(ErrorCode::kPermission, "guests need /dev/net/tun, which you may not open",
                "let all users open it, as Debian does: chmod 0666 /dev/net/tun (as root)");
  }
  return fail(ErrorCode::kEnvironment, "guests need /dev/net/tun, which is missing here",
              "load its driver: modprobe tun (as root)");
}

MacAddress migration_mac(std::size_t host_index) {
  return {0x52, 0x54, 0, 0x78, 0, static_cast<std::uint8_t>(11 + host_index)};
}
std::string migration_address(std::size_t host_index) {
  return fmt::format("10.78.0.{}", 11 + host_index);
}
std::string guest_address(int guest_index) {
  return fmt::format("10.77.0.{}", 100 + guest_index);
}
std::string guest_mac(int guest_index) {
  return fmt::format("52:54:00:77:00:{:02x}", 100 + guest_index);
}
std::string tap_name(int guest_index) {
  return fmt::format("tap{}", guest_index);
}
int migration_port(int guest_index) {
  constexpr int kPortsEach = 20;  // its disks move beside the stream, on one of the next ports
  return 4400 + kPortsEach * guest_index;
}

Shape shape_for(BytesPerSecond payload) {
  const double wire = payload.value() * kWirePerPayload;
  return {std::llround(wire * 8),
          std::max(kLeastBurst, std::int64_t{std::llround(wire * kBurstSeconds)})};
}

Result<void> build_networks(const LabLock& lock, const LabSpec& spec) {
  GODWIT_CHECK_OK(build_middle(lock, spec));
  std::vector<UniqueFd> line;
  for (std::size_t i = 0; i < spec.hosts.size(); ++i) {
    GODWIT_CHECK_OK(build_host(lock, spec, i, line));
  }
  return line.empty() ? Result<void>() : start_line(lock, spec, line);
}

Result<void> shape_networks(const LabLock& lock, const LabSpec& spec) {
  for (std::size_t i = 0; i < spec.hosts.size(); ++i) {
    GODWIT_CHECK_OK(run(lock, shape_line(spec, i)));
  }
  return {};
}

Result<void> add_tap(const LabLock& lock, const std::string& host, int guest_index) {
  GODWIT_CHECK_OK(check_tun());
  const std::string netns = netns_name(lock.lab(), host);
  const std::string tap = tap_name(guest_index);
  return run_all(lock, {fmt::format("ip -n {} tuntap add dev {} mode tap", netns, tap),
                        fmt::format("ip -n {} link set dev {} master service up", netns, tap)});
}

void remove_tap(const LabLock& lock, const std::string& host, int guest_index) {
  (void)run(lock, fmt::format("ip -n {} link delete dev {}", netns_name(lock.lab(), host),
                              tap_name(guest_index)));
}

}  // namespace godwit::lab
