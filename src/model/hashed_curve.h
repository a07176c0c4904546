#pragma once

#include <vector>

#include "godwit/domain/guest_profile.h"

namespace godwit::model {

/// The curve by content hashes, where another source has taken its place, too; null where they
/// never looked.
[[nodiscard]] const std::vector<DirtyPoint>* hashed_curve(const GuestProfile& profile);

}  // namespace godwit::model
