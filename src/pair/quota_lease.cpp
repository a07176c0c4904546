#include "quota_lease.h"

#include <utility>

#include "godwit/base/log.h"

namespace godwit::pair {

Result<LentCpu> QuotaLease::ask() const {
  if (quota_ != nullptr) return quota_->plan();
  return fail(ErrorCode::kUnsupported,
              "the VM's vCPUs can't be slowed down: nobody here limits their CPU time",
              "run godwit on the source's host");
}

Result<void> QuotaLease::check() const {
  GODWIT_CHECK_OK(ask());
  return {};
}

Result<bool> QuotaLease::plan() {
  GODWIT_TRY(LentCpu planned, ask());
  if (lent_ == planned) return false;
  lent_ = std::move(planned);
  return true;
}

bool QuotaLease::lift() {
  if (!lent_) return true;
  if (const auto lifted = quota_->lift(); !lifted) {
    if (!warned_) log::warning("the VM's vCPUs are still limited: {}", lifted.error().message);
    warned_ = true;
    return false;
  }
  lent_.reset();
  return true;
}

std::optional<VcpuCount> QuotaLease::count(std::int64_t now_wall_us) const {
  if (quota_ == nullptr) return std::nullopt;
  auto uses = quota_->used();
  if (!uses) return std::nullopt;
  return VcpuCount{now_wall_us, std::move(*uses)};
}

}  // namespace godwit::pair
