#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "godwit/domain/cpu_quota.h"
#include "godwit/engine/opener.h"

namespace godwit::engine {

/// What a law may slow the source's vCPUs down with.
struct LawQuota {
  std::unique_ptr<CpuQuota> quota;  ///< null: the law never does so, or has to do without
  std::string why_not;              ///< it has to do without
};

/// An error where a law can't do without: kUnsupported, kPermission. Changes nothing.
Result<LawQuota> quota_for_law(std::string_view law, Opener& opener, const VmDescription& source);

}  // namespace godwit::engine
