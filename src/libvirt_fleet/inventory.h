#pragma once

#include <map>
#include <string>

#include "godwit/base/error.h"
#include "godwit/fleet/inventory.h"
#include "godwit/libvirt/host.h"

/// Private to libvirt_fleet: from what daemons say to what a plan knows. Pure.

namespace godwit::libvirt_fleet {

/// Puts the domains in: those that run, by name, or UUID where several of other UUIDs have one; and
/// those that are shut off, but for definitions of guests that run elsewhere among these hosts.
/// Hosts without a limit of memory get what their daemons tell. kBusy: one domain runs at two
/// hosts, and not because a move of ours was never ended (`open`: VMs, and where they were to go);
/// then it is put in once.
Result<void> fill(fleet::Inventory& inventory,
                  const std::map<std::string, libvirt::HostFacts>& said,
                  const std::map<std::string, std::string>& open = {});

}  // namespace godwit::libvirt_fleet
