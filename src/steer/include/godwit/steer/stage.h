#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "godwit/base/units.h"
#include "godwit/domain/session.h"

namespace godwit::steer {

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
  bool may_cancel = false;  ///< a person or a law may; `dead_link` holds whether or not they may
  bool may_start_postcopy = false;
  bool may_mend = false;           ///< the link broke, and the guest can be put together over it
  bool may_change_limits = false;  ///< downtime limit and bandwidth act on what is still to come
};

/// Stopped by the migration itself. (QEMU 7.2 leaves its guest in postmigrate when post-copy is
/// cancelled in pre-switchover, and takes `cont`; 10.0 lets it run on by itself: measured.)
[[nodiscard]] bool stopped_by_migration(std::optional<RunState> state);

[[nodiscard]] Stage stage_of(const SessionView& seen);
[[nodiscard]] const StageRules& rules_of(Stage stage);
/// The table as Markdown.
[[nodiscard]] std::string stage_table();

}  // namespace godwit::steer
