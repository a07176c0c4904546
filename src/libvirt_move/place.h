#pragma once

#include <string>

#include "godwit/domain/outcome.h"

/// Private to libvirt_move. Where a domain runs, by what both daemons say of it. Pure.

namespace godwit::libvirt_move {

/// What a daemon says of the domain.
struct SideLook {
  enum class Seen {
    kUnknown,  ///< it could not be asked
    kGone,     ///< there is none, or it is shut off
    kRuns,
    kPaused,  ///< stands still, and not for a migration
    kMoving,  ///< stands still for a migration that has not ended, or is about to be gone
    kSplit,   ///< post-copy broke: a part of the guest is here
  };
  Seen seen = Seen::kUnknown;
  std::string words;
};
using Seen = SideLook::Seen;

struct Place {
  VmRunsOn vm = VmRunsOn::kUnknown;
  bool final = true;       ///< false: one of the daemons is still about to change it
  std::string what_to_do;  ///< empty where nothing is
};

/// `stopped`: the migration may have stopped the guest at the source. Then a source that runs it
/// says nothing of a destination that can't be asked. `well`: libvirt said that the migration
/// succeeded, after which the source never runs it again.
[[nodiscard]] Place place_of(const SideLook& source, const SideLook& destination, bool stopped,
                             bool well);

}  // namespace godwit::libvirt_move
