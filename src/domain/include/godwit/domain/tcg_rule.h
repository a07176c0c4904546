#pragma once

#include "godwit/base/error.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/technique.h"

namespace godwit {

/// The one rule by version, as no schema shows it: QEMU before 9.0 under software emulation (TCG)
/// forgets writes after it cleared its dirty bitmap, so whatever copies memory while the guest runs
/// corrupts the guest. kUnsupported
/// for that; stop-and-copy and KVM are safe.
Result<void> refuse_unsafe(const VmDescription& vm, Technique technique);

}  // namespace godwit
