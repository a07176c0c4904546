#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "godwit/domain/address.h"

namespace godwit::watch {

/// What is watched: a host of libvirt's with all that leaves it, or one VM.
using Target = std::variant<LibvirtHost, VmAddress>;

/// "qemu:///system" or "libvirt:URI" is a host; a VM's address is a VM, and so is the plain path of
/// a QMP socket, as a shell's "*" gives them. kBadInput with the right form.
Result<Target> parse_target(std::string_view text);
/// As `parse_target` takes it.
[[nodiscard]] std::string to_string(const Target& target);

}  // namespace godwit::watch
