#pragma once

#include "cpu_controller.h"
#include "godwit/base/clock.h"
#include "godwit/domain/cpu_quota.h"

namespace godwit::cpuquota {

/// What is lent to a thread lies in this folder.
[[nodiscard]] std::string group_folder(const std::string& home, const std::string& group,
                                       std::int64_t thread);

/// Puts all threads of a group of ours back to its home and removes it. A group that has gone is
/// done with. kBusy: threads come into it as fast as they are put back.
Result<void> remove_group(CpuController& controller, KernelFiles& files, Clock& clock,
                          const std::string& home, const std::string& group);

/// Of every home, even where one fails; then the first error.
Result<void> give_back(KernelFiles& files, Clock& clock, const LentCpu& lent);

}  // namespace godwit::cpuquota
