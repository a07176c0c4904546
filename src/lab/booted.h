#pragma once

#include <string>

#include "godwit/base/error.h"
#include "lock.h"
#include "state.h"

namespace godwit::lab {

/// Starts a guest on `host` as start_instance does, from a state that was stored when one like it
/// had booted; the first of its kind boots and is stored. An emulated processor takes 4 to 8 s of
/// a CPU to boot and a fraction of one to restore; KVM boots in a second, and nothing is stored.
/// What cannot be stored or restored boots. The states lie in the user's cache, the newest ones.
Result<void> start_booted(const LabLock& lock, const GuestRecord& guest, const std::string& host);

}  // namespace godwit::lab
