#pragma once

#include <string>

#include "godwit/base/error.h"

namespace godwit::libvirt_lab {

/// Writes to `to` what `virsh save` wrote to `saved`, under another definition: virsh itself takes
/// none with another name or UUID. kCorrupt: it is no such file, or of a form that is not known
/// here (version 2, not compressed; libvirt's src/qemu/qemu_saveimage.h).
Result<void> write_saved_domain(const std::string& saved, const std::string& definition,
                                const std::string& to);

}  // namespace godwit::libvirt_lab
