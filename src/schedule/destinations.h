#pragma once

#include <vector>

#include "godwit/schedule/paths.h"
#include "godwit/schedule/plan.h"

namespace godwit::schedule {

/// Where each VM ends, and those that find no host.
struct Destinations {
  std::vector<std::size_t> of;  ///< of each VM; the host where it is for one that stays
  std::vector<Blocker> blockers;
};

/// A VM with a wanted host goes there. Others leave hosts that must be empty: the largest first,
/// each to the host that would have received it, and all that goes there already, first. Where that
/// leaves some without a host, again by the tightest fit, and the better of both is taken.
[[nodiscard]] Destinations choose_destinations(const Problem& problem, const Paths& paths,
                                               const TransferModel& model);

}  // namespace godwit::schedule
