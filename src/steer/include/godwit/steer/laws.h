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

/// What is known before the start, for a law that predicts. Without a profile `godwit` is `none`.
struct Known {
  const GuestProfile* profile = nullptr;
  Link link{};
  twin::HostPairConstants pair{};
};

/// A fresh law; kBadInput for a name that none has, or a broken profile.
Result<std::unique_ptr<Law>> law_by_name(std::string_view name, const Known& known = {});

}  // namespace godwit::steer
