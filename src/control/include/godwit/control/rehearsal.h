#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/ports.h"

namespace godwit::control {

/// In place of a destination in the journal.
inline constexpr std::string_view kRehearsalName = "rehearsal";

struct RehearsalOptions {
  /// How long passes shall last, ascending, 50 ms to a minute. QEMU sends in slices of 100 ms, so
  /// passes come out a slice longer or shorter; what is reported is what was.
  std::vector<Seconds> windows{Seconds(0.125), Seconds(0.25), Seconds(0.5), Seconds(1)};
  Seconds deadline{30};                      ///< for all of it; what was measured by then counts
  std::string vm{};                          ///< this and the next are for the journal
  std::int64_t pid = 0;                      ///< of the VM's QEMU
  std::int64_t process_started = 0;          ///< VmDescription::process_started
  std::string identity{};                    ///< VmDescription::identity
  Journal* journal = nullptr;                ///< may be null
  std::function<void(Ratio)> on_progress{};  ///< share of the windows that is measured
};

/// What a VM dirties, as QEMU's own dirty bitmap saw it.
struct Rehearsal {
  std::vector<DirtyPoint> points;  ///< ascending windows, `unique` never falls; at least one
  Seconds took{};                  ///< from the start to the guest being as before
  /// Of it: all memory was read, at full speed. Absent where QEMU synced on before it was asked.
  std::optional<Seconds> first_pass;
  Seconds longest_stop{};  ///< the guest stood still; 0 where QEMU has switchover-ack
  std::optional<std::string> ended_early;  ///< why not every window was measured
};

/// Migrates the VM into a local sink, up to a few passes, and cancels: at each sync of QEMU's dirty
/// bitmap the memory in unique pages that were written during the pass is known.
///
/// What it costs the guest for these seconds: the first pass reads all of its memory as fast as one
/// core can, and each write to a page that is clean since the last sync is trapped. Memory that the
/// guest never touched may get allocated by being read (shared backends).
///
/// It can never complete: pause-before-switchover is on, and switchover-ack (QEMU 8.1) where there
/// is one. Without the latter, a guest that dirties next to nothing is stopped for the milliseconds
/// that the cancelling takes. Capabilities and parameters are given back on every path. If this
/// process dies, the sink dies with it, QEMU ends the migration and runs the guest on; what it
/// keeps then are the borrowed settings, which are in the journal.
///
/// Errors, after which the guest runs on unless the message says otherwise: kBusy (it migrates
/// already), kBadInput (it doesn't run; bad options), kUnsupported (QEMU < 9 without KVM, or an
/// ability is missing), kInterrupted, kTimeout (nothing measured by the deadline; or the monitor
/// fell silent), kPeerGone, kRefused (QEMU gave up, or somebody paused the VM). Blocks; call it
/// from one thread, which must own the hypervisor and hold the VM's lock.
Result<Rehearsal> rehearse(Clock& clock, Hypervisor& source, const RehearsalOptions& options,
                           std::stop_token stop);

/// What `rehearse` refuses before it starts, asked beforehand. Changes nothing.
Result<void> may_rehearse(Hypervisor& source);

/// Makes the rehearsal's curve the profile's; the one that was there is kept in `other_curves`.
void put_into(GuestProfile& profile, const Rehearsal& rehearsal);

}  // namespace godwit::control
