#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/cpu_quota.h"

/// CPU quotas by the kernel's control groups, v1, v2 and both side by side.
///
/// Each vCPU thread gets a group of its own below the one that it is in. So whatever its manager
/// (systemd, libvirt, a container's) has set for it goes on to hold: the lesser share of both
/// counts, and a group of one thread weighs as much as the thread did.
///
/// Not limited are threads of a real-time policy (kUnsupported: no quota holds them back), QEMU's
/// other threads, and vhost's in the kernel. While it limits, in v2 the manager can't make a group
/// for other processes beside those threads' groups, and in v1 it can't set a quota for the VM that
/// is below this one's.

namespace godwit::cpuquota {

/// The VM of a process of this host. `started` is process_start(pid): another process of that
/// number is never touched. vCPU threads are known by their names ("CPU 0/KVM"), which QEMU gives
/// them with `-name …,debug-threads=on` (libvirt always does). For a QEMU without, `qemu_numbers`
/// are the threads of vCPU 0, 1, … by query-cpus-fast.
[[nodiscard]] std::unique_ptr<CpuQuota> make_vcpu_quota(
    std::int64_t pid, std::int64_t started, std::vector<std::int64_t> qemu_numbers = {});

/// Gives back what somebody borrowed who may have been killed. Does nothing where all is given back
/// already, and works when the VM has ended. Touches only groups whose names say that they are this
/// lease's. kPermission, kBusy (try again), kCorrupt (`lent` names no group of Godwit's).
Result<void> give_back(const LentCpu& lent);

}  // namespace godwit::cpuquota
