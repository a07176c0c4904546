#pragma once

#include <chrono>

#include "godwit/base/units.h"

namespace godwit::cpuquota {

/// The kernel's CPU bandwidth control: so much CPU time in each period.
struct CpuBandwidth {
  std::chrono::microseconds quota;
  std::chrono::microseconds period;
};

/// The least share that can be asked for: the kernel's least quota in its longest period.
inline constexpr Ratio kLeastShare{0.001};

/// For kLeastShare <= share <= 1. The period is as short as the kernel's least quota allows: a vCPU
/// stands still for the rest of each period, perhaps while it holds QEMU's lock. It is 10 ms at
/// least, as a shorter one only makes more work for the kernel's timers.
[[nodiscard]] CpuBandwidth bandwidth_for(Ratio share);

}  // namespace godwit::cpuquota
