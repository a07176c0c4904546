#include "godwit/control/quota_lease.h"

#include <utility>

#include "godwit/base/log.h"

namespace godwit::control {
namespace {

constexpr Seconds kLiftAgain{1};

}  // namespace

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

Result<void> QuotaLease::limit(Ratio share) {
  if (share >= Ratio(1)) {
    if (lift()) return {};
    return fail(ErrorCode::kBusy, "the vCPUs' quota can't be given back now");
  }
  auto planned = ask();
  Result<void> limited;
  if (!planned) {
    limited = fail(std::move(planned).error());
  } else if (lent_ != *planned) {
    lent_ = std::move(*planned);
    limited = write_down_();
  }
  if (limited) limited = quota_->limit(share);
  wanted_ = limited.has_value();
  if (limited) {
    share_ = share;
  } else {
    (void)lift();
  }
  return limited;
}

void QuotaLease::mind(TimePoint now, bool of_use) {
  if (!lent_ || (wanted_ && of_use) || now < next_lift_) return;
  next_lift_ = now + kLiftAgain;
  (void)lift();
}

bool QuotaLease::lift() {
  wanted_ = false;
  if (!lent_) return true;
  if (const auto lifted = quota_->lift(); !lifted) {
    if (!warned_) log::warning("the VM's vCPUs are still limited: {}", lifted.error().message);
    warned_ = true;
    return false;
  }
  lent_.reset();
  share_ = Ratio(1);
  (void)write_down_();
  return true;
}

std::optional<VcpuCount> QuotaLease::count(std::int64_t now_wall_us) const {
  if (quota_ == nullptr) return std::nullopt;
  auto uses = quota_->used();
  if (!uses) return std::nullopt;
  return VcpuCount{now_wall_us, std::move(*uses)};
}

}  // namespace godwit::control
