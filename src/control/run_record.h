#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "godwit/domain/hypervisor.h"
#include "stage.h"

namespace godwit::control {

/// Why a migration is given up.
enum class Abort {
  kNone,
  kUser,
  kDeadline,
  kDeadLink,
  kStorage,        ///< the disks would not be whole at the destination
  kRefused,        ///< `migrate` was refused, after the disks had been mirrored
  kGuestShutDown,  ///< there is nothing left to move
};

/// All that happened in one run up to now.
struct RunRecord {
  Seen seen;
  Abort abort = Abort::kNone;
  std::string abort_reason;
  /// The destination was ordered not to run the guest by itself: it may have it, and stand still.
  bool told_to_wait = false;
  /// It was, and answered that it had not begun to: a cancel that comes too late can't make it run
  /// on both sides.
  bool destination_held = false;
  /// The guest's state at the source where it stands still, and not for the migration.
  std::optional<RunState> paused_as;
  bool shut_down = false;  ///< the guest shut itself down at the source
  std::stop_token leave;   ///< RunOptions::leave
};

/// In the journal's step: the destination was told to wait, and nobody but us will let it go on.
inline constexpr std::string_view kToldToWait = "cancelling";

}  // namespace godwit::control
