#pragma once

#include "godwit/base/error.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::storage {

/// Tells QEMU, which waits before the switchover, to go on. An error means that it surely does not:
/// without an answer it may have gone on all the same.
Result<void> go_on(Hypervisor& source);

}  // namespace godwit::storage
