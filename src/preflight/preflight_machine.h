#pragma once

#include "godwit/preflight/preflight.h"

/// Private to control: does the destination's machine fit the guest? QEMU looks at much of this
/// only when the guest has stopped already, and at some of it never. Pure.

namespace godwit::preflight {

/// kBadInput names what differs. Otherwise what may be worth knowing.
Result<Warnings> check_same_machine(const PreflightFacts& facts);

}  // namespace godwit::preflight
