#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "godwit/base/units.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::control {

/// What has been seen of one migration up to now, and what was ordered.
struct Seen {
  MigrationStatus status;  ///< newest of the source
  bool launched = false;   ///< `migrate` was given: before, there are only mirrors of disks
  bool held_back = false;  ///< disks move, and QEMU was not yet told to go on to the switchover
  bool postcopy_ordered = false;  ///< or perhaps ordered: the order got no answer
  bool cancel_ordered = false;
  std::optional<std::int64_t> stop_us;    ///< the migration stopped the guest at the source
  std::optional<std::int64_t> resume_us;  ///< the destination let the guest run
};

/// Where a migration stands, as far as safety is concerned.
enum class Stage {
  kMirroring,
  kPrecopy,
  kHeldBack,
  kPostcopyOrdered,
  kSwitchover,
  kPostcopy,
  kPostcopyBroken,
  kCancelling,
  kUnknown,
  kOver,
};

/// What silence means in a stage, and what may still be ordered there. ARCHITECTURE.md shows the
/// table of all stages; a test holds the two together.
struct StageRules {
  enum class DeadLink { kIsNone, kCancel, kPausePostcopy };

  Stage stage = Stage::kOver;
  std::string_view name;
  std::string_view known_by;
  /// The source's monitor has said nothing for longer: nobody can tell any more what goes on.
  Seconds longest_silence{};
  /// QEMU's monitor does not answer while QEMU sends the last part: events tell, not questions.
  bool mute = false;
  /// Nothing was sent for longer: the link is dead. Absent: it is normal.
  std::optional<Seconds> longest_standstill{};
  DeadLink dead_link = DeadLink::kIsNone;
  bool may_cancel = false;
  bool may_start_postcopy = false;
};

/// Stopped by the migration itself. (QEMU 7.2 leaves its guest in postmigrate when post-copy is
/// cancelled in pre-switchover, and takes `cont`; 10.0 lets it run on by itself: measured.)
[[nodiscard]] bool stopped_by_migration(std::optional<RunState> state);

[[nodiscard]] Stage stage_of(const Seen& seen);
[[nodiscard]] const StageRules& rules_of(Stage stage);
/// The table as Markdown.
[[nodiscard]] std::string stage_table();

}  // namespace godwit::control
