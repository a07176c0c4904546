#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/session.h"

namespace godwit::control {

struct RehearsalOptions {
  /// How long passes shall last, ascending, 50 ms to a minute. QEMU sends in slices of 100 ms, so
  /// passes come out a slice longer or shorter; what is reported is what was.
  std::vector<Seconds> windows{Seconds(0.125), Seconds(0.25), Seconds(0.5), Seconds(1)};
  Seconds deadline{30};                      ///< for all of it; what was measured by then counts
  std::function<void(Ratio)> on_progress{};  ///< share of the windows that is measured
};

/// What a VM dirties, as the hypervisor's own dirty bitmap saw it.
struct Rehearsal {
  std::vector<DirtyPoint> points;  ///< ascending windows, `unique` never falls; at least one
  Seconds took{};                  ///< from the start to the guest being as before
  /// Of it: all memory was read, at full speed. Absent where QEMU synced on before it was asked.
  std::optional<Seconds> first_pass;
  Seconds longest_stop{};  ///< the guest stood still; 0 where QEMU has switchover-ack
  std::optional<std::string> ended_early;  ///< why not every window was measured
};

/// Runs a migration that never completes (`sink`: pair::make_sink_session), for a few passes of
/// known lengths, and gives up: at each sync of the dirty bitmap the memory in unique pages that
/// was written during the pass is known. An Error says whether the guest runs on as before.
Result<Rehearsal> rehearse(Clock& clock, MigrationSession& sink, const RehearsalOptions& options,
                           const std::stop_token& stop);

/// Makes the rehearsal's curve the profile's; the one that was there is kept in `other_curves`.
/// What was seen of changed pages is dropped where hashes saw hardly any of the writing.
void put_into(GuestProfile& profile, const Rehearsal& rehearsal);

}  // namespace godwit::control
