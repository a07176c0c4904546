#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/domain/cpu_quota.h"

/// Where a thread's control group is, from two texts of the kernel (proc(5), cgroups(7)). Pure.

namespace godwit::cpuquota {

/// A thread's group in the hierarchy that may have the CPU controller for it: v1 where a v1
/// hierarchy has it (also beside a v2 one: "hybrid"), else v2.
struct Membership {
  CgroupVersion version = CgroupVersion::kV2;
  std::string path;  ///< "/machine.slice/…", from the root of this process's cgroup namespace
};
/// Out of /proc/PID/task/TID/cgroup. Absent where there are no such hierarchies.
[[nodiscard]] std::optional<Membership> cpu_membership(std::string_view proc_cgroup);

/// A mounted cgroup hierarchy that may have the CPU controller.
struct CgroupMount {
  CgroupVersion version = CgroupVersion::kV2;
  std::string root;   ///< the group that is seen at `point`
  std::string point;  ///< where it is mounted
};
/// Out of /proc/self/mountinfo, in its order.
[[nodiscard]] std::vector<CgroupMount> cpu_mounts(std::string_view mountinfo);

/// The folder of a group; absent where no mount shows it.
[[nodiscard]] std::optional<std::string> folder_of(const Membership& group,
                                                   const std::vector<CgroupMount>& mounts);

}  // namespace godwit::cpuquota
