#pragma once

#include "godwit/base/error.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/technique.h"

namespace godwit {

/// Which parts of a technique can't be combined: one table, partly by QEMU's version, as no schema
/// shows it (migrate_caps_check in QEMU's migration/options.c). kBadInput: what no QEMU can, by
/// name and with what to do.
[[nodiscard]] Result<void> check_combination(Technique technique);

/// The same, and kUnsupported: what this VM's QEMU can't.
[[nodiscard]] Result<void> check_combination(Technique technique, const VmDescription& vm);

}  // namespace godwit
