#pragma once

#include <memory>

#include "godwit/base/clock.h"
#include "godwit/domain/session.h"

namespace godwit::pair {

/// Is a migration under way that can be watched at its source?
[[nodiscard]] bool is_under_way(const MigrationStatus& status);

/// A migration that somebody else drives, seen by its source alone. It asks and listens, and orders
/// nothing: rounds are told by the hypervisor's counter of syncs where there are no events of them.
///
/// `start` joins; kNotFound where none is under way. `technique` is what its settings say. What
/// becomes of the guest at the destination can't be seen: an outcome says where the source has it,
/// or that it gave it away. `clock` and `source` outlive the session.
std::unique_ptr<MigrationSession> make_watch_session(Clock& clock, Hypervisor& source);

}  // namespace godwit::pair
