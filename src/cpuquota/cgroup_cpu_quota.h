#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpu_controller.h"
#include "godwit/base/clock.h"
#include "godwit/domain/cpu_quota.h"
#include "kernel_files.h"
#include "vm_threads.h"

namespace godwit::cpuquota {

/// The port by groups of threads; the public header says what it does.
class CgroupCpuQuota final : public CpuQuota {
 public:
  /// Both outlive it.
  CgroupCpuQuota(KernelFiles& files, Clock& clock, VmProcess vm);
  ~CgroupCpuQuota() override;

  Result<LentCpu> plan() override;
  Result<void> limit(Ratio share) override;
  Result<void> lift() override;
  Result<std::vector<VcpuUse>> used() override;

 private:
  struct Place {
    CgroupVersion version = CgroupVersion::kV2;
    std::string home;
    bool in_ours = false;  ///< in a group of ours, below its home
  };
  /// Absent where the thread has ended.
  Result<std::optional<Place>> place_of(const VcpuThread& thread);
  Result<void> add_home_of(const VcpuThread& thread, LentCpu& planned);
  Result<void> limit_all(Ratio share);
  Result<void> limit_thread(const VcpuThread& thread, Ratio share);
  /// Threads that a vCPU's thread has started are in its group; groups of ended threads are empty.
  Result<void> tidy(const CgroupHome& home, const std::vector<VcpuThread>& threads);

  KernelFiles& files_;
  Clock& clock_;
  VmProcess vm_;
  LentCpu lent_;  ///< as planned last; without homes before that and once it is given back
  std::unique_ptr<CpuController> controller_;     ///< of the version that is planned
  std::map<std::int64_t, std::string> group_of_;  ///< by limited thread
};

}  // namespace godwit::cpuquota
