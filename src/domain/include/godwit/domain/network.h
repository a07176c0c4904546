#pragma once

#include <limits>
#include <string>
#include <vector>

#include "godwit/base/units.h"

/// The links that migrations share, as a value. Pure.

namespace godwit {

/// A link whose capacity nobody limits.
inline constexpr BytesPerSecond kUnlimited{std::numeric_limits<double>::infinity()};

/// A host's interface. Both directions carry their capacity at the same time.
struct NetworkHost {
  std::string name;
  std::string at;          ///< the switch that it is plugged into
  BytesPerSecond egress;   ///< what the host can send
  BytesPerSecond ingress;  ///< what it can receive
  friend bool operator==(const NetworkHost&, const NetworkHost&) = default;
};

/// A cable between two switches, shared by all that crosses it; a capacity for each direction.
struct Uplink {
  std::string from;
  std::string to;
  BytesPerSecond forward;   ///< from `from` to `to`
  BytesPerSecond backward;  ///< the other way
  friend bool operator==(const Uplink&, const Uplink&) = default;
};

/// A switch that carries less than its ports together. Others need not be listed.
struct SwitchCapacity {
  std::string name;
  BytesPerSecond capacity;  ///< of all that passes it
  friend bool operator==(const SwitchCapacity&, const SwitchCapacity&) = default;
};

struct Network {
  std::vector<NetworkHost> hosts;
  std::vector<Uplink> uplinks;
  std::vector<SwitchCapacity> switches;
  friend bool operator==(const Network&, const Network&) = default;
};

}  // namespace godwit
