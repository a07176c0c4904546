#pragma once

#include "godwit/domain/guest_profile.h"

namespace godwit::model {

/// The guest did nothing while it was observed: its vCPUs slept, and of the pages that were looked
/// at hardly one changed. It has no work that a migration could take from it. False where nobody
/// saw its vCPUs: it is taken for busy.
[[nodiscard]] bool stood_idle(const GuestProfile& profile);

}  // namespace godwit::model
