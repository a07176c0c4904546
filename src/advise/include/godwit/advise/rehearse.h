#pragma once

#include <string>

#include "godwit/domain/guest_profile.h"
#include "godwit/domain/migration_plan.h"

/// Whether a VM is to be rehearsed before it is predicted. Pure.

namespace godwit::advise {

enum class Rehearse {
  kNever,
  /// Where hashes may miss most of what it writes (model/seen_share.h), and the intent doesn't
  /// limit the slowdown: a rehearsal slows the guest down for some seconds.
  kWhereDue,
  kAlways,
};

struct RehearsalAdvice {
  bool due = false;
  std::string why;  ///< it is, or is not
};

/// `profile`: as it was observed.
[[nodiscard]] RehearsalAdvice advise_rehearsal(const GuestProfile& profile, Rehearse when,
                                               const Intent& intent);

}  // namespace godwit::advise
