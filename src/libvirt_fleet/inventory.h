#pragma once

#include <map>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/fleet/inventory.h"
#include "godwit/libvirt/host.h"

/// Private to libvirt_fleet: from what daemons say to what a plan knows. Pure.

namespace godwit::libvirt_fleet {

/// Puts the domains in: those that run, by name, or UUID where several of other UUIDs have one; and
/// those that are shut off, but for definitions of guests that run elsewhere among these hosts.
/// Hosts without a limit of memory get what their daemons tell. kBadInput: two hosts are one
/// machine, under two names. kBusy: one domain runs at two hosts, and not because a move of ours
/// was never ended (`open`: VMs, and where they were to go); then it is put in once.
Result<void> fill(fleet::Inventory& inventory,
                  const std::map<std::string, libvirt::HostFacts>& said,
                  const std::map<std::string, std::string>& open = {});

/// A host at which a VM of some name runs.
struct Sighting {
  std::string host;
  std::string machine;   ///< its UUID; empty where it is not known
  std::string domain{};  ///< the VM's UUID there
};

/// Of a VM that runs at several, of which it can't be said to be at one. Only where these are known
/// to be different machines does this advise to end a guest.
[[nodiscard]] Error at_several(const std::string& vm, const std::vector<Sighting>& seen);

}  // namespace godwit::libvirt_fleet
