#pragma once

#include <memory>

#include "godwit/base/clock.h"
#include "godwit/domain/session.h"
#include "godwit/pair/ends.h"

namespace godwit::pair {

/// A migration between two hypervisors of which Godwit drives both, as QEMU by its monitors.
///
/// Settings of both sides are leased: written down in the journal before they are changed. Disks
/// that move are mirrored first, and the guest only leaves when they are whole. A lost connection
/// is opened anew; the guest is let run at one place only (ARCHITECTURE.md, "Safety"). The source
/// of a completed migration is left paused (postmigrate) for its owner to end.
///
/// `clock` and what `ends` refers to outlive the session.
std::unique_ptr<MigrationSession> make_session(Clock& clock, Ends ends);

}  // namespace godwit::pair
