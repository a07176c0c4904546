#pragma once

#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/rng.h"
#include "godwit/base/units.h"
#include "godwit/hosts/fleet_file.h"

/// Fleets for simulations, drawn at random. Pure, and the same for a seed.

namespace godwit::hosts {

struct FleetSize {
  int hosts = 20;
  Bytes memory{std::int64_t{128} << 30};  ///< of each host
  Ratio fill{0.6};                        ///< share of it that its VMs take, nearly
  BytesPerSecond link{1250e6};            ///< of each host, in each direction
  int rack = 20;                          ///< hosts at one switch
  std::string mix = "azure2017";          ///< how large VMs are: one of mix_names()
};

/// Published distributions of memory and vCPUs of VMs, of public clouds.
[[nodiscard]] std::vector<std::string> mix_names();

/// Hosts node1, node2 … and VMs vm1, vm2 …, until the memory of each host is filled. What VMs write
/// is published by nobody: 40 % of them are idle, the others write 1 MB/s to 1 GB/s in 1 % to 50 %
/// of their memory, both log-uniform. Where there are several racks, a switch in their midst
/// connects them, to which each has a quarter of its hosts' links. kBadInput: what can't be.
Result<FleetFile> made_fleet(const FleetSize& size, Rng& rng);

}  // namespace godwit::hosts
