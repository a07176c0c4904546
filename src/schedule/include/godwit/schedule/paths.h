#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/network.h"

namespace godwit::schedule {

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

}  // namespace godwit::schedule
