#pragma once

#include <span>

#include "godwit/base/json.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/technique.h"
#include "godwit/twin/host_pair.h"

/// What a pair of hosts is like, from migrations that ran between them. Pure.

namespace godwit::learn {

/// One completed migration of a guest's memory.
struct PairSample {
  const GuestProfile* profile = nullptr;  ///< taken before it
  Technique technique;
  MigrationParameters parameters;
  Link link;
  Seconds total{};
  Downtime downtime;
  Bytes transferred;  ///< as QEMU counts
};

/// Each constant that enough of the samples show; the others as in `known`. What the samples do not
/// show at all (the window, what finding a zero page costs) stays as it is. Robust: medians, and
/// the bounds of 90 % of what was seen.
[[nodiscard]] twin::HostPairConstants learn_pair(std::span<const PairSample> samples,
                                                 const twin::HostPairConstants& known = {});

/// The constants that learn_pair finds; the others are the stated ones wherever it is read.
[[nodiscard]] Json to_json(const twin::HostPairConstants& pair);
/// kCorrupt: not just those, or one that cannot be.
[[nodiscard]] Result<twin::HostPairConstants> pair_from_json(const Json& json);

}  // namespace godwit::learn
