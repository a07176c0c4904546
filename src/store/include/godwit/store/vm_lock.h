#pragma once

#include <cstdint>
#include <utility>

#include "godwit/base/error.h"
#include "godwit/base/unique_fd.h"

namespace godwit::store {

/// Held by the one Godwit that drives a VM, so that two never do, by whichever of its sockets.
///
/// It is a flock() on /proc/PID of the QEMU process: nothing is written anywhere, and the kernel
/// lets go when the holder dies in whatever way. Limits: it binds only Godwits that see the same
/// mount of /proc (a container with a /proc of its own has other locks), and any local user may
/// take it, so it keeps from accidents, not from malice. A child process forked without exec shares
/// it.
class VmLock {
 public:
  /// kBusy when another Godwit drives the VM; kNotFound when there is no such process.
  static Result<VmLock> acquire(std::int64_t pid);

 private:
  explicit VmLock(UniqueFd process) : process_(std::move(process)) {}
  UniqueFd process_;
};

}  // namespace godwit::store
