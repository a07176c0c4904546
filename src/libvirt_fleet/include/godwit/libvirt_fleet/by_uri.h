#pragma once

#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/hosts/fleet_file.h"

namespace godwit::libvirt_fleet {

/// Hosts that somebody names by the URIs of their daemons, instead of in a file.
struct ByUri {
  hosts::FleetFile file;
  std::string host;  ///< the name of the first
  std::string key;   ///< the same for the same hosts, in whatever order; fit for a file's name
};

/// `words`: URIs as people write them, several by commas, with or without "libvirt:". `link`: of
/// each host; absent: that of the slowest interface of this machine that leads to one. kBadInput.
Result<ByUri> hosts_by_uri(const std::vector<std::string>& words,
                           std::optional<BytesPerSecond> link);

}  // namespace godwit::libvirt_fleet
