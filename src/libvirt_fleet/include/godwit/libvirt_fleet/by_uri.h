#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/hosts/fleet_file.h"

namespace godwit::libvirt_fleet {

/// A fleet whose hosts are named by the URIs of their daemons on the command line.
struct ByUri {
  hosts::FleetFile file;  ///< as a file would describe them
  std::string host;       ///< the name of the one that was named first
  std::string key;        ///< of the fleet's record: the same for the same hosts in any order
};

/// `words`: URIs as people write them, several by commas, with or without "libvirt:". `link`: the
/// rate of each host's link. Absent, the slowest of this machine's interfaces that lead to one of
/// the hosts counts. kBadInput: no URI, no other host, or nobody can tell how fast the links are.
Result<ByUri> hosts_by_uri(const std::vector<std::string>& words,
                           std::optional<BytesPerSecond> link);

}  // namespace godwit::libvirt_fleet
