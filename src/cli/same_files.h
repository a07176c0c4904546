#pragma once

#include <map>
#include <string>

#include "godwit/domain/hypervisor.h"

namespace godwit::cli {

/// Disks of two QEMUs on this machine, by device: do both have one and the same file (or block
/// device) open, by whatever names and mounts? A disk is left out where that can't be known: a
/// process on another machine, or one that we may not look into.
[[nodiscard]] std::map<std::string, bool> same_files(const VmDescription& source,
                                                     const VmDescription& destination);

}  // namespace godwit::cli
