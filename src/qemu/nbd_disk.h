#pragma once

#include <string>

#include "godwit/domain/hypervisor.h"

namespace godwit::qemu {

/// QEMU connects to an NBD server in its main loop, and the guest stands still meanwhile: with one
/// that does not even refuse, for as long as TCP tries (over 8 s, measured on QEMU 10.0), without
/// this.
inline constexpr int kConnectSeconds = 2;

/// A disk's node; drives of QEMUs that name none go by their device.
inline const std::string& node_of(const Disk& disk) {
  return disk.node.empty() ? disk.device : disk.node;
}

}  // namespace godwit::qemu
