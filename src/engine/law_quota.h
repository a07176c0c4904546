#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/domain/cpu_quota.h"
#include "godwit/engine/opener.h"

namespace godwit::engine {

/// What a law may slow the source's vCPUs down with. Null where it never does so, and, with a
/// warning that says why, where that can't be done here and the law can do without. An error where
/// it can't: kUnsupported, kPermission. Changes nothing.
Result<std::unique_ptr<CpuQuota>> quota_for_law(std::string_view law, Opener& opener,
                                                const VmDescription& source,
                                                std::vector<std::string>& warnings);

}  // namespace godwit::engine
