#pragma once

#include <string>

#include "godwit/base/error.h"
#include "lock.h"
#include "state.h"

namespace godwit::lab {

/// Starts a guest on `host` as start_instance does, from a state that was stored when one like it
/// had booted (booted_state.h); the first of its kind boots and is stored. KVM boots in a second,
/// and nothing is stored. What cannot be stored or restored boots.
Result<void> start_booted(const LabLock& lock, const GuestRecord& guest, const std::string& host);

}  // namespace godwit::lab
