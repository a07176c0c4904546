#pragma once

#include "godwit/domain/link.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/technique.h"
#include "godwit/twin/guest.h"
#include "godwit/twin/host_pair.h"
#include "godwit/twin/migration.h"

/// How a technique sends, over a link and between two hosts.

namespace godwit::twin {

/// `given` with what QEMU, or the link, has where nothing is said.
[[nodiscard]] MigrationParameters assumed(Technique technique, const MigrationParameters& given,
                                          const Link& link);

/// `parameters` as of `assumed`.
[[nodiscard]] Sending sending_of(Technique technique, const Guest& guest,
                                 const MigrationParameters& parameters, const Link& link,
                                 const HostPairConstants& pair);

}  // namespace godwit::twin
