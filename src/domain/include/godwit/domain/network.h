#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "godwit/base/error.h"
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

/// One direction of an interface or uplink, or the inside of a switch.
struct SharedLink {
  std::string name;  ///< for people
  BytesPerSecond capacity;
};

/// The links of a network, and which of them a migration from one host to another crosses: the
/// source's egress, the fewest uplinks between the switches, the destination's ingress.
class Paths {
 public:
  using Host = std::size_t;  ///< index into Network::hosts
  using Link = std::size_t;  ///< index into links()

  /// kBadInput: a name twice or empty, a capacity that is no rate above 0, an uplink from a switch
  /// to itself.
  static Result<Paths> of(const Network& network);

  [[nodiscard]] const std::vector<SharedLink>& links() const { return links_; }
  [[nodiscard]] std::size_t hosts() const { return switch_of_.size(); }
  [[nodiscard]] static Link egress(Host host) { return 2 * host; }
  [[nodiscard]] static Link ingress(Host host) { return 2 * host + 1; }
  /// Empty: there is no way, or both are the same host.
  [[nodiscard]] std::vector<Link> between(Host from, Host to) const;
  /// What a migration that has the path for itself may use; 0 where there is no way.
  [[nodiscard]] BytesPerSecond widest(Host from, Host to) const;

 private:
  std::vector<SharedLink> links_;
  std::vector<std::size_t> switch_of_;
  std::size_t switches_ = 0;
  std::vector<std::vector<Link>> between_switches_;  ///< row by switch of the source
  std::vector<bool> reachable_;
};

}  // namespace godwit
