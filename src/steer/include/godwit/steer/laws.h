#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/steer/law.h"
#include "godwit/twin/host_pair.h"

namespace godwit::steer {

/// Godwit's own, which predicts before it orders.
inline constexpr std::string_view kOwnLaw = "godwit";

/// Whether a law gives vCPUs less time.
enum class QuotaUse {
  kNever,
  kMay,   ///< where there is no better way; it does without where that can't be done
  kMust,  ///< all that it does
};

/// As a user may name it.
struct LawName {
  std::string_view name;
  std::string_view what;  ///< in a few words
  QuotaUse quota = QuotaUse::kNever;
};
[[nodiscard]] std::vector<LawName> law_names();
/// kNever for a name that none has.
[[nodiscard]] QuotaUse quota_use_of(std::string_view law);

/// What is known before the start. Where it points to outlives whoever is told of it.
struct Known {
  const GuestProfile* profile = nullptr;
  Link link{};  ///< no rate: not known
  twin::HostPairConstants pair{};
  const TechniquePrediction* expected = nullptr;  ///< of the plan
};

/// May the law of that name order anything of such a migration? `profiled`: there will be a profile
/// of the guest. kBadInput for a name that none has.
Result<bool> may_order(std::string_view name, const MigrationPlan& plan, bool profiled);

/// A fresh law; kBadInput for a name that none has, or a broken profile. Without a profile `godwit`
/// is `none`. "jin,c=0.6" is `jin` with a C of its own; outcomes and comparisons know it by all of
/// that.
Result<std::unique_ptr<Law>> law_by_name(std::string_view name, const Known& known = {});

}  // namespace godwit::steer
