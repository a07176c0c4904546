#pragma once

#include <cstdint>

#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"
#include "godwit/guestmem/vcpu_counters.h"

namespace godwit::opener {

/// Asks everyone who counts what a VM does: its hypervisor for disks, its host for its network, the
/// processor for instructions and cache misses.
class VmActivity final : public ActivityCounter {
 public:
  /// `vm` outlives this.
  VmActivity(Hypervisor& vm, std::int64_t pid) : vm_(vm), pid_(pid), vcpus_(pid) {}
  ActivityCount count() override;

 private:
  Hypervisor& vm_;
  std::int64_t pid_;
  guestmem::VcpuCounters vcpus_;
};

}  // namespace godwit::opener
