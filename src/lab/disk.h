#pragma once

#include "godwit/base/error.h"
#include "lock.h"
#include "state.h"

namespace godwit::lab {

/// Makes the guest's disk, if it has one: a sparse raw file that all its QEMUs open. kEnvironment
/// where the guest could fill more than there is space for.
Result<void> make_disk(const LabLock& lock, const GuestSpec& guest);

/// One that is not there is no error.
void remove_disk(const LabLock& lock, const GuestSpec& guest);

}  // namespace godwit::lab
