#pragma once

#include "godwit/domain/guest_profile.h"

namespace godwit::control {

/// The last of a profile's points whose window `whole` reaches; null where there is none.
[[nodiscard]] const DirtyPoint* comparable_point(const GuestProfile& profile,
                                                 const std::vector<DirtyPoint>& whole);

/// Makes a curve the profile's; the one that was there is kept in `other_curves`. What was seen of
/// changed pages is dropped where hashes saw hardly any of the writing.
void make_main(GuestProfile& profile, SourcedCurve better);

}  // namespace godwit::control
