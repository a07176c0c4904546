#pragma once

#include <memory>
#include <string_view>

#include "godwit/base/clock.h"
#include "godwit/domain/session.h"
#include "godwit/pair/ends.h"

namespace godwit::pair {

/// In place of a destination in the journal.
inline constexpr std::string_view kRehearsalName = "rehearsal";

/// A migration into a local sink, which throws the stream away: for rehearsals.
///
/// What it costs the guest for these seconds: the first pass reads all of its memory as fast as one
/// core can, and each write to a page that is clean since the last sync is trapped. Memory that the
/// guest never touched may get allocated by being read (shared backends).
///
/// It can never complete: pause-before-switchover is on, and switchover-ack (QEMU 8.1) where there
/// is one. Without the latter, a guest that dirties next to nothing is stopped for the milliseconds
/// that the cancelling takes. Capabilities and parameters are leased. If this process dies, the
/// sink dies with it, QEMU ends the migration and runs the guest on.
///
/// It starts creeping, so that QEMU's first pass does not end before the law says how fast. In the
/// outcome `downtime.events` is the longest time for which the guest stood still. `journal` may be
/// null; `clock`, `source` and `journal` outlive the session.
std::unique_ptr<MigrationSession> make_sink_session(Clock& clock, Hypervisor& source, End end,
                                                    Journal* journal);

/// What a sink session refuses before it starts, asked beforehand. Changes nothing.
Result<void> may_rehearse(Hypervisor& source);

}  // namespace godwit::pair
