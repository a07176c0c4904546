#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/lab/spec.h"
#include "lock.h"

/// The lab's two networks.
///
///   service 10.77.0.0/24      client: bridge "service" 10.77.0.1 ── per host: bridge "service",
///   taps migration 10.78.0.0/24    switch: bridge "migration" ── per host: interface "migration",
///   tbf
///
/// Where the migration network is to have a round trip, a process takes the bridge's place
/// (line.h).

namespace godwit::lab {

inline constexpr const char* kMigrationInterface = "migration";
inline constexpr const char* kClientAddress = "10.77.0.1";

std::string migration_address(std::size_t host_index);
using MacAddress = std::array<std::uint8_t, 6>;
/// Of its migration interface, where the network has a round trip.
MacAddress migration_mac(std::size_t host_index);
std::string guest_address(int guest_index);
std::string guest_mac(int guest_index);
std::string tap_name(int guest_index);
int migration_port(int guest_index);

/// How a migration network that carries `payload` is shaped.
struct Shape {
  std::int64_t rate_bits_per_s = 0;
  std::int64_t burst_bytes = 0;
};
Shape shape_for(BytesPerSecond payload);

/// Whether this process may make taps here.
Result<void> check_tun();

/// Needs the lab's lock. On error the caller tears down what there is.
Result<void> build_networks(const LabLock& lock, const LabSpec& spec);

/// Of every host's migration interface.
Result<void> shape_networks(const LabLock& lock, const LabSpec& spec);

Result<void> add_tap(const LabLock& lock, const std::string& host, int guest_index);
/// A tap that is gone already is no error.
void remove_tap(const LabLock& lock, const std::string& host, int guest_index);

}  // namespace godwit::lab
