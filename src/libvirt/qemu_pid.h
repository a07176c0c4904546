#pragma once

#include <cstdint>
#include <string>

/// Private to libvirt.

namespace godwit::libvirt {

/// The QEMU of this host that runs the domain of that UUID, by its command line; 0 where there is
/// none that can be seen, or more than one (both sides of a migration on one host).
[[nodiscard]] std::int64_t find_qemu(const std::string& uuid);

}  // namespace godwit::libvirt
