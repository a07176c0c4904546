#pragma once

#include "godwit/base/error.h"
#include "lock.h"
#include "state.h"

namespace godwit::lab {

/// The file that the guest's QEMU on `host` opens; empty when it has no disk.
std::string disk_file_of(const std::string& lab, const GuestSpec& guest, const std::string& host);

/// Makes the guest's disk on `host`, if it has one: a sparse raw file, or a qcow2 image.
/// kEnvironment where the guest could fill more than there is space for.
Result<void> make_disk(const LabLock& lock, const GuestSpec& guest, const std::string& host);

/// One that is not there is no error.
void remove_disk(const LabLock& lock, const GuestSpec& guest, const std::string& host);
/// Only where it is that host's own.
void remove_own_disk(const LabLock& lock, const GuestSpec& guest, const std::string& host);

}  // namespace godwit::lab
