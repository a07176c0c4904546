#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"

namespace godwit::e2e {

/// The control groups that Godwit makes to limit the vCPUs of a QEMU, as the kernel shows them.
/// Also once that QEMU has ended.
class VcpuGroups {
 public:
  /// An error where its vCPUs cannot be limited here. `qemu_numbers`: of their threads, where those
  /// have no names.
  static Result<VcpuGroups> of(pid_t qemu, std::vector<std::int64_t> qemu_numbers = {});

  [[nodiscard]] bool none() const { return found().empty(); }
  /// Threads in them.
  [[nodiscard]] std::vector<std::int64_t> limited() const;
  /// Of one CPU; absent while no group has any.
  [[nodiscard]] std::optional<double> quota() const;

 private:
  VcpuGroups(std::string home, std::string ours) : home_(std::move(home)), ours_(std::move(ours)) {}
  [[nodiscard]] std::vector<std::filesystem::path> found() const;

  std::string home_;  ///< the group in which the vCPUs are
  std::string ours_;  ///< what names of Godwit's groups begin with
};

}  // namespace godwit::e2e
