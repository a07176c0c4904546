#pragma once

#include "godwit/domain/migration_plan.h"
#include "godwit/twin/host_pair.h"
#include "godwit/twin/migration.h"
#include "godwit/twin/predictor.h"

/// For how long the guest is not heard where post-copy ends a migration.

namespace godwit::twin {

/// Seconds.
struct PostcopySilence {
  double begun = 0;    ///< on its way when the guest is stopped
  double waiting = 0;  ///< for pages, until a client is answered
  double silent = 0;   ///< from the stop until then, without what a client adds (Chance::client)
};

/// The guest answers a client after a number of page faults, each of which waits behind the
/// sender's queue; at most until everything has arrived, `last_seconds` after the switch. `share`:
/// of one pass, sent by pre-copy before.
[[nodiscard]] PostcopySilence postcopy_silence(const Sending& sending,
                                               const MigrationParameters& parameters,
                                               const HostPairConstants& pair, const Chance& chance,
                                               double share, double last_seconds);

}  // namespace godwit::twin
