#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "godwit/base/clock.h"
#include "godwit/domain/cpu_quota.h"
#include "godwit/domain/session.h"

namespace godwit::control {

/// For people: a lease that could not be ended.
inline constexpr std::string_view kStillLimited =
    "the VM's vCPUs are still limited on the source's host: godwit recover gives them their time "
    "back";

/// CPU time that a VM's vCPUs are without for a while, borrowed of their host by a session of
/// whatever moves the VM. What is lent is written down before any vCPU is limited.
class QuotaLease {
 public:
  /// `quota` may be null: each order is refused then. It outlives this. `write_down` has the
  /// journal's entry tell what is `lent` now.
  QuotaLease(CpuQuota* quota, std::function<Result<void>()> write_down)
      : quota_(quota), write_down_(std::move(write_down)) {}

  /// Whether vCPUs can be limited, as far as can be told without a change.
  Result<void> check() const;
  /// Each vCPU keeps that share of its time; of 1, all is given back. After an error nothing is
  /// limited, or it is tried again to lift it (`mind`).
  Result<void> limit(Ratio share);
  /// To be called often. Gives back what is of no more use, each second anew where that fails.
  void mind(TimePoint now, bool of_use);
  /// False when it could not be done; it may be tried again.
  bool lift();

  /// What each vCPU keeps now.
  [[nodiscard]] Ratio share() const { return share_; }
  /// What is still to be given back.
  [[nodiscard]] const std::optional<LentCpu>& lent() const { return lent_; }
  /// How the vCPUs have run so far; absent where nobody can count it.
  [[nodiscard]] std::optional<VcpuCount> count(std::int64_t now_wall_us) const;

 private:
  [[nodiscard]] Result<LentCpu> ask() const;

  CpuQuota* quota_;
  std::function<Result<void>()> write_down_;
  std::optional<LentCpu> lent_;
  Ratio share_{1};
  bool wanted_ = false;  ///< by the newest order; refused, lifted: no more
  TimePoint next_lift_{};
  bool warned_ = false;
};

}  // namespace godwit::control
