#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "kernel_files.h"

namespace godwit::cpuquota {

/// A VM's process and how its vCPU threads are known.
struct VmProcess {
  std::int64_t pid = 0;
  std::int64_t started = 0;       ///< process_start(pid)
  std::uint64_t numbered_in = 0;  ///< process_namespace()
  /// The vCPUs' threads by QEMU's own count (query-cpus-fast), by vCPU. For a QEMU whose threads
  /// have no names; a vCPU that is plugged later is not known there.
  std::vector<std::int64_t> qemu_numbers;
};

struct VcpuThread {
  std::int64_t vcpu = 0;
  std::int64_t thread = 0;  ///< as this process numbers it
  Seconds on_cpu{};
  bool real_time = false;  ///< SCHED_FIFO, SCHED_RR or SCHED_DEADLINE: no quota holds it back
};

/// By vCPU. kPeerGone: the process has ended; kUnsupported: no thread is known as a vCPU's.
Result<std::vector<VcpuThread>> vcpu_threads(KernelFiles& files, const VmProcess& vm);

}  // namespace godwit::cpuquota
