#pragma once

#include <optional>
#include <string>

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
  /// The destination was told not to run the guest by itself, so that a cancel that comes too late
  /// can't make it run on both sides.
  bool destination_held = false;
  /// The guest stands still at the source, and not for the migration: as what.
  std::optional<RunState> paused_as;
  bool shut_down = false;  ///< the guest shut itself down
};

}  // namespace godwit::control
