#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/cpu_quota.h"
#include "kernel_files.h"

namespace godwit::cpuquota {

/// What the names of all groups of ours begin with.
inline constexpr std::string_view kOurPrefix = "godwit-";

/// An order to a cgroup file system that failed: a missing right and a read-only mount are told
/// apart from what the kernel does not allow there.
[[nodiscard]] Error cgroup_error(std::string_view what, const std::string& path, int errno_value);

/// The protocol of the CPU controller in one version of control groups (the kernel's
/// Documentation/admin-guide/cgroup-v2.rst, Documentation/scheduler/sched-bwc.rst). Homes and
/// groups are given by their folders; a group of ours is a child of its home.
class CpuController {
 public:
  explicit CpuController(KernelFiles& files) : files_(files) {}
  CpuController(const CpuController&) = delete;
  CpuController& operator=(const CpuController&) = delete;
  virtual ~CpuController() = default;

  /// Whether groups can be made in a home, as far as can be told without a change.
  virtual Result<CgroupHome> look(const std::string& home) = 0;
  /// Makes a group, if there is none yet, in which each thread of the home may be put.
  virtual Result<void> make(const std::string& home, const std::string& group) = 0;
  /// What runs in the group gets at most `share` of one CPU, or what the groups around it get.
  virtual Result<void> set(const std::string& group, Ratio share) = 0;
  /// Time that threads of the group were held back by its quota.
  virtual Result<Seconds> held_back(const std::string& group) = 0;
  /// Switches off what make() switched on in the home, unless somebody uses it still.
  virtual Result<void> release(const CgroupHome& home) = 0;

  /// By number; 0 is a thread of a process that can't be seen from here. The Os forms are for
  /// callers to whom a group that has gone or a thread that has ended is no error.
  [[nodiscard]] Os<std::vector<std::int64_t>> threads(const std::string& group) const;
  [[nodiscard]] Os<void> move(std::int64_t thread, const std::string& group) const;
  [[nodiscard]] std::string thread_file(const std::string& group) const;

 protected:
  Result<void> order(const std::string& file, const std::string& text);
  Result<std::string> text_of(const std::string& file);
  Result<void> may_write(const std::string& path);
  Result<void> make_folder(const std::string& path);
  /// The number behind `key` in a group's cpu.stat.
  Result<std::int64_t> statistic(const std::string& group, std::string_view key);
  KernelFiles& files() { return files_; }

 private:
  [[nodiscard]] virtual std::string_view thread_file_name() const = 0;
  KernelFiles& files_;
};

[[nodiscard]] std::unique_ptr<CpuController> controller_of(CgroupVersion version,
                                                           KernelFiles& files);

}  // namespace godwit::cpuquota
