#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

/// The port through which a VM's vCPUs get less CPU time, and the value that says what was borrowed
/// of the host for it.

namespace godwit {

/// The interface of the kernel's control groups that has the CPU controller.
enum class CgroupVersion { kV1, kV2 };

/// A control group in which vCPU threads were found: its folder as this host mounts it.
struct CgroupHome {
  std::string folder;
  /// v2: the CPU controller was not on for the groups below it, and is switched on while it is
  /// lent.
  bool controller_was_off = false;
  friend bool operator==(const CgroupHome&, const CgroupHome&) = default;
};

/// What is borrowed of a host to limit one VM. Each vCPU thread T of a home is put into the group
/// `HOME/GROUP-T`, which is made for it; it goes back to HOME, and the group is removed.
struct LentCpu {
  std::int64_t pid = 0;      ///< the VM's process
  std::int64_t started = 0;  ///< process_start(pid): both together name the process for ever
  CgroupVersion version = CgroupVersion::kV2;
  std::string group;  ///< what the names of the groups of ours begin with: "godwit-PID-STARTED"
  std::vector<CgroupHome> homes;
  friend bool operator==(const LentCpu&, const LentCpu&) = default;
};

/// How a vCPU has run so far.
struct VcpuUse {
  std::int64_t vcpu = 0;    ///< QEMU's index of it
  std::int64_t thread = 0;  ///< another one: another count
  Seconds on_cpu{};         ///< CPU time of the thread since it began
  Seconds held_back{};      ///< time that the quota held it back, since it was first limited
};

/// Limits the CPU time of one VM's vCPUs. Not thread-safe; one owner drives it. Destroyed while it
/// limits, it lifts.
///
///   plan() → write the lease down → limit(0.5) → … → plan() → (write what is new) → limit(0.2) → …
///   → lift() → strike the lease out
///
/// Errors of every call: kPeerGone (the VM's process has ended), kUnsupported (no vCPU threads can
/// be told apart, no CPU controller where they are), kPermission (a right is missing: it is named).
class CpuQuota {
 public:
  CpuQuota() = default;
  CpuQuota(const CpuQuota&) = delete;
  CpuQuota& operator=(const CpuQuota&) = delete;
  virtual ~CpuQuota() = default;

  /// What the next limit() would have borrowed; changes nothing. It covers what is lent already. A
  /// vCPU that was plugged since the last plan may add a home.
  virtual Result<LentCpu> plan() = 0;
  /// Each vCPU thread gets at most `share` of one CPU. 1 is as good as no limit; kBadInput outside
  /// 0.001 … 1 and before the first plan(). Threads that came since the last call are taken in if
  /// their home is planned. After an error nothing is limited or lent any more, or the error says
  /// otherwise.
  virtual Result<void> limit(Ratio share) = 0;
  /// Gives everything back; without anything lent, nothing happens. May be tried again after an
  /// error.
  virtual Result<void> lift() = 0;
  /// Of each vCPU that runs now, by its index.
  virtual Result<std::vector<VcpuUse>> used() = 0;
};

}  // namespace godwit
