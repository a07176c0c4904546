#pragma once

#include <cstdint>
#include <optional>

#include "godwit/domain/cpu_quota.h"
#include "godwit/domain/session.h"

namespace godwit::pair {

/// CPU time that a VM's vCPUs are without for a while, borrowed of their host. `plan` tells what
/// will be borrowed, for the journal; only then `limit` takes it.
class QuotaLease {
 public:
  /// `quota` may be null: each order is refused then. It outlives this.
  explicit QuotaLease(CpuQuota* quota) : quota_(quota) {}

  /// Whether vCPUs can be limited, as far as can be told without a change.
  Result<void> check() const;
  /// True: the lease grew, and the journal must have it before anything is limited.
  Result<bool> plan();
  Result<void> limit(Ratio share) { return quota_->limit(share); }
  /// What is still to be given back.
  [[nodiscard]] const std::optional<LentCpu>& lent() const { return lent_; }
  /// False when it could not be done; it may be tried again.
  bool lift();
  /// How the vCPUs have run so far; absent where nobody can count it.
  [[nodiscard]] std::optional<VcpuCount> count(std::int64_t now_wall_us) const;

 private:
  [[nodiscard]] Result<LentCpu> ask() const;

  CpuQuota* quota_;
  std::optional<LentCpu> lent_;
  bool warned_ = false;
};

}  // namespace godwit::pair
