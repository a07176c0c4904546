#pragma once

#include <string>

#include "godwit/base/error.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::guestmem {

/// Fills in where blocks of memory are (RamBlock::host_address) that are known by their sizes only:
/// a hypervisor maps each as one piece. Blocks of one size may be exchanged. Errors: kUnsupported
/// where fewer or more pieces of a size are mapped than there are blocks; kPermission, kPeerGone.
Result<RamLayout> locate_ram(RamLayout layout);
/// The same by the text of /proc/PID/maps (proc(5)). Pure.
Result<RamLayout> locate_ram(RamLayout layout, const std::string& maps);

}  // namespace godwit::guestmem
