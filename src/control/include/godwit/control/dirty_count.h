#pragma once

#include <stop_token>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::control {

struct CountOptions {
  /// In this order: the short ones come again, as each of them is one moment of the guest's life.
  std::vector<Seconds> windows{Seconds(0.05), Seconds(0.125), Seconds(0.25),  Seconds(0.05),
                               Seconds(0.5),  Seconds(0.05),  Seconds(0.125), Seconds(1),
                               Seconds(0.25), Seconds(0.05)};
};

/// The dirty curve that the hypervisor counts (domain/dirty_meter.h), one window after the other.
/// Takes the sum of the windows; on KVM the guest is slower in them, as each first write to a page
/// traps. Nothing is changed that does not end by itself, so that nothing has to be given back.
/// Points are the means of windows of the same length; their bounds are the extremes, and the
/// hypervisor's rounding.
///
/// kUnsupported: `vm` is emulated, or this hypervisor can't count. kBusy: it migrates, or someone
/// else counts. kBadInput: it does not run. kTimeout: a window did not end. kInterrupted: `stop`.
Result<SourcedCurve> count_dirtied(Clock& clock, Hypervisor& hypervisor, const VmDescription& vm,
                                   const CountOptions& options, const std::stop_token& stop);

/// Makes the count the profile's curve, as control/rehearsal.h does. It sees whatever hashes see;
/// where it shows less, it met a quiet moment, and is one of `other_curves`.
void put_into(GuestProfile& profile, SourcedCurve counted);

}  // namespace godwit::control
