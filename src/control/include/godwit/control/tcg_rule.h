#pragma once

#include "godwit/base/error.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::control {

/// The one rule by version, as no schema shows it: QEMU before 9.0 under software emulation (TCG)
/// forgets writes after it cleared its dirty bitmap, so whatever copies memory while the guest runs
/// corrupts the guest. Every technique does, if only for a moment: post-copy sends a first burst
/// before the switch, and stop-and-copy runs until QEMU's first estimate. kUnsupported for such a
/// VM; KVM is safe.
Result<void> refuse_unsafe(const VmDescription& vm);

}  // namespace godwit::control
