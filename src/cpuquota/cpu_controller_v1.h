#pragma once

#include "cpu_controller.h"

namespace godwit::cpuquota {

/// cpu.cfs_quota_us and cpu.cfs_period_us; threads are free to be in any group.
class CpuControllerV1 final : public CpuController {
 public:
  using CpuController::CpuController;
  Result<CgroupHome> look(const std::string& home) override;
  Result<void> make(const std::string& home, const std::string& group) override;
  Result<void> set(const std::string& group, Ratio share) override;
  Result<Seconds> held_back(const std::string& group) override;
  Result<void> release(const CgroupHome& /*home*/) override { return {}; }

 private:
  [[nodiscard]] std::string_view thread_file_name() const override { return "tasks"; }
  /// The least share that the groups around this one get; 1 where it is more.
  Ratio outer_share(std::string group);
};

}  // namespace godwit::cpuquota
