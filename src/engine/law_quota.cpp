#include "law_quota.h"

#include <fmt/format.h>

#include <utility>

#include "godwit/steer/laws.h"

namespace godwit::engine {
namespace {

Result<std::unique_ptr<CpuQuota>> usable_quota(Opener& opener, const VmDescription& source) {
  GODWIT_TRY(auto quota, opener.cpu_quota_of(source));
  GODWIT_CHECK_OK(quota->plan());
  return quota;
}

}  // namespace

Result<LawQuota> quota_for_law(std::string_view law, Opener& opener, const VmDescription& source) {
  const steer::QuotaUse use = steer::quota_use_of(law);
  if (use == steer::QuotaUse::kNever) return LawQuota();
  auto quota = usable_quota(opener, source);
  if (quota) return LawQuota{std::move(*quota), ""};
  Error error = quota.error();
  if (use == steer::QuotaUse::kMust) {
    error.message = fmt::format("the law {} slows the VM's vCPUs down, and that can't be done: {}",
                                law, error.message);
    error.what_to_do += "; or choose another law";
    return fail(std::move(error));
  }
  return LawQuota{nullptr, fmt::format("the law {} can't slow the VM's vCPUs down: {} ({})", law,
                                       error.message, error.what_to_do.text())};
}

}  // namespace godwit::engine
