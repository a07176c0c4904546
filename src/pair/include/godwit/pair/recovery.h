#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/ports.h"

namespace godwit::pair {

/// In the journal's step: the destination was told to wait, and nobody but us will let it go on.
inline constexpr std::string_view kToldToWait = "cancelling";

/// Likewise: the guest may run at the destination on disks of which a part is at the source.
inline constexpr std::string_view kRestFollows = "migrating, the rest of the disks follows";

/// Among what was given back.
inline constexpr std::string_view kCpuGivenBack = "source: CPU time of the vCPUs";

/// One side of a migration that its Godwit did not live to end.
struct LeftSide {
  Hypervisor* vm = nullptr;  ///< null where it can't be reached
  bool ended = false;        ///< its QEMU process is known to have ended
  /// Gives the VM's vCPUs their time back, also when the process has ended; null where nobody can.
  std::function<Result<void>(const LentCpu&)> give_back_cpu{};
};

struct Recovered {
  VmRunsOn runs_on = VmRunsOn::kUnknown;
  std::string was;                      ///< what became of the migration
  std::vector<std::string> given_back;  ///< settings, by side and name: "source: downtime-limit"
  std::string what_to_do;               ///< empty where nothing is left to do
  /// Nothing is left to recover; otherwise what is still borrowed stands in `left`.
  bool finished = false;
  JournalEntry left;
};

/// For who finds an unfinished migration or rehearsal in the journal and holds the locks of both
/// sides: finds out where the VM runs, lets a guest that only waits for a word go on where that is
/// safe (QEMU waits before a switchover; the destination was told to wait), ends mirrors of disks,
/// and gives back what was borrowed: the vCPUs' time at once, as nobody steers any more, and each
/// side's settings once its migration's state is final. What still runs is left alone. Never starts
/// a guest while another copy could run.
Recovered recover(Clock& clock, const JournalEntry& entry, LeftSide source, LeftSide destination);

}  // namespace godwit::pair
