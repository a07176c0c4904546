#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "godwit/hosts/fleet_file.h"
#include "godwit/schedule/paths.h"

/// Any bytes are a fleet whose network has a path for each host and whose VMs are on hosts of it,
/// or kBadInput with what to do.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto fleet = godwit::hosts::parse_fleet_file({reinterpret_cast<const char*>(data), size});
  if (fleet && (fleet->start.empty() == fleet->uris.empty() ||
                fleet->hosts.size() != fleet->network.hosts.size() ||
                !godwit::schedule::Paths::of(fleet->network))) {
    std::abort();
  }
  if (!fleet &&
      (fleet.error().code != godwit::ErrorCode::kBadInput || fleet.error().what_to_do.empty())) {
    std::abort();
  }
  const auto simulated = godwit::hosts::parse_fleet_file(
      {reinterpret_cast<const char*>(data), size}, godwit::hosts::FleetUse::kSimulated);
  for (const auto& [name, vm] :
       simulated ? simulated->vms : std::map<std::string, godwit::hosts::ListedVm>()) {
    if (!vm.memory || !vm.load || vm.load->working_set > *vm.memory) std::abort();
  }
  return 0;
}
