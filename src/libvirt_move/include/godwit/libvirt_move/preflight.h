#pragma once

#include <memory>
#include <string>
#include <vector>

#include "godwit/domain/hypervisor.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/libvirt/connection.h"
#include "godwit/libvirt/domain.h"

namespace godwit::libvirt_move {

/// What both hosts are, and what is worth knowing and stops nothing.
struct Findings {
  VmDescription destination;  ///< version and abilities alone: there is no domain yet
  CapabilitySet abilities;    ///< of both sides
  std::vector<std::string> warnings;
};

/// Is everything as it must be, as far as both daemons tell? Changes nothing. kBadInput: the two
/// don't fit together; kBusy: a migration goes on, or the name is taken; kUnsupported: the
/// destination can't do it; kEnvironment: a network or memory is missing there.
Result<Findings> look_at_both(libvirt::LibvirtDomain& source,
                              const libvirt::Connection& destination, const MigrationPlan& plan);

}  // namespace godwit::libvirt_move
