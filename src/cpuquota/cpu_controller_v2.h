#pragma once

#include "cpu_controller.h"

namespace godwit::cpuquota {

/// cpu.max. Threads of one process may be in groups of their own only as far as these are
/// "threaded"; the group around them then becomes a "threaded domain" until the last is removed.
class CpuControllerV2 final : public CpuController {
 public:
  using CpuController::CpuController;
  Result<CgroupHome> look(const std::string& home) override;
  Result<void> make(const std::string& home, const std::string& group) override;
  Result<void> set(const std::string& group, Ratio share) override;
  Result<Seconds> held_back(const std::string& group) override;
  Result<void> release(const CgroupHome& home) override;

 private:
  [[nodiscard]] std::string_view thread_file_name() const override { return "cgroup.threads"; }
  /// Whether the CPU controller is on for the groups below a home.
  Result<bool> is_on_below(const std::string& home);
};

}  // namespace godwit::cpuquota
