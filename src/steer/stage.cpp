#include "godwit/steer/stage.h"

#include <fmt/format.h>

#include <array>

namespace godwit::steer {
namespace {

/// Of a monitor. A QEMU whose process is stopped, or whose host is overloaded, may answer again:
/// minutes were seen.
constexpr Seconds kLongestSilence{180};
/// Of a monitor while QEMU sends the last part: 1 TB at 10 Gbit/s takes a quarter of an hour, and
/// after about as long TCP itself gives up a link that is dead.
constexpr Seconds kLongestMute{3600};
/// Without anything sent. TCP alone would go on trying for a quarter of an hour.
constexpr Seconds kLongestStandstill{30};
/// Likewise in post-copy, where the guest waits for its pages meanwhile. TCP sends a lost segment
/// again after 0.2, 0.4 … s: a link that is back within some seconds shows it by then.
constexpr Seconds kLongestWait{10};

using DeadLink = StageRules::DeadLink;

constexpr std::array<StageRules, 10> kRules{{
    {.stage = Stage::kMirroring,
     .name = "mirroring",
     .known_by = "disks move, and `migrate` was not given yet",
     .longest_silence = kLongestSilence,
     .longest_standstill = kLongestStandstill,
     .dead_link = DeadLink::kCancel,
     .may_cancel = true,
     .may_change_limits = true},
    {.stage = Stage::kPrecopy,
     .name = "pre-copy",
     .known_by = "`setup`, `active`: the guest runs at the source, or a person has paused it",
     .longest_silence = kLongestSilence,
     .longest_standstill = kLongestStandstill,
     .dead_link = DeadLink::kCancel,
     .may_cancel = true,
     .may_start_postcopy = true,
     .may_change_limits = true},
    {.stage = Stage::kHeldBack,
     .name = "held back",
     .known_by = "`pre-switchover`: QEMU waits for `migrate-continue` until the disks are whole",
     .longest_silence = kLongestSilence,
     .longest_standstill = kLongestStandstill,
     .dead_link = DeadLink::kCancel,
     .may_cancel = true},
    {.stage = Stage::kPostcopyOrdered,
     .name = "post-copy ordered",
     .known_by = "still `active`: the switchover follows in a moment, if the link carries anything",
     .longest_silence = kLongestSilence,
     .longest_standstill = kLongestStandstill,
     .dead_link = DeadLink::kCancel},
    {.stage = Stage::kSwitchover,
     .name = "switchover",
     .known_by = "the migration's own STOP, or `device`: QEMU sends the last part",
     .longest_silence = kLongestMute,
     .mute = true},
    {.stage = Stage::kPostcopy,
     .name = "post-copy",
     .known_by = "`postcopy-active`: the guest runs at the destination",
     .longest_silence = kLongestSilence,
     .longest_standstill = kLongestWait,
     .dead_link = DeadLink::kPausePostcopy},
    {.stage = Stage::kPostcopyBroken,
     .name = "post-copy, broken",
     .known_by = "`postcopy-paused`: both sides hold a part of the guest",
     .longest_silence = kLongestSilence,
     .may_mend = true},
    {.stage = Stage::kCancelling,
     .name = "cancelling",
     .known_by = "the destination was told not to start the guest, the source to cancel",
     .longest_silence = kLongestMute,
     .mute = true},
    {.stage = Stage::kUnknown,
     .name = "unknown",
     .known_by = "a phase that this Godwit does not know",
     .longest_silence = kLongestSilence},
    {.stage = Stage::kOver,
     .name = "over",
     .known_by = "`completed`, `cancelled`, `failed`",
     .longest_silence = kLongestSilence},
}};

std::string silence(const StageRules& rules) {
  return rules.mute ? "is normal; an hour at most"
                    : fmt::format("{} s, then given up", rules.longest_silence.count());
}

std::string standstill(const StageRules& rules) {
  return rules.longest_standstill ? fmt::format("{} s", rules.longest_standstill->count())
                                  : "is normal";
}

std::string_view meaning(DeadLink link) {
  if (link == DeadLink::kCancel) return ", then cancelled";
  return link == DeadLink::kPausePostcopy ? ", then `migrate-pause`" : "";
}

std::string orders(const StageRules& rules) {
  std::string all;
  const auto add = [&all](bool may, std::string_view what) {
    if (may) all += fmt::format("{}{}", all.empty() ? "" : ", ", what);
  };
  add(rules.may_cancel, "cancel");
  add(rules.may_change_limits, "limits");
  add(rules.may_start_postcopy, "post-copy");
  add(rules.may_mend, "recovery");
  return all.empty() ? "nothing" : all;
}

}  // namespace

bool stopped_by_migration(std::optional<RunState> state) {
  return state == RunState::kFinishMigrate || state == RunState::kPostmigrate;
}

Stage stage_of(const SessionView& seen) {
  using Phase = MigrationPhase;
  const Phase phase = seen.status.phase;
  if (!seen.launched) return Stage::kMirroring;
  if (is_final(phase)) return Stage::kOver;
  if (phase == Phase::kPostcopyPaused) return Stage::kPostcopyBroken;
  if (seen.cancel_ordered) return Stage::kCancelling;
  if (seen.held_back) {
    return seen.stop_us || phase == Phase::kPreSwitchover ? Stage::kHeldBack : Stage::kPrecopy;
  }
  if (phase == Phase::kPostcopyActive) return Stage::kPostcopy;
  if (seen.stop_us || phase == Phase::kDevice) return Stage::kSwitchover;
  if (seen.postcopy_ordered) return Stage::kPostcopyOrdered;
  return phase == Phase::kOther ? Stage::kUnknown : Stage::kPrecopy;
}

const StageRules& rules_of(Stage stage) {
  for (const StageRules& rules : kRules) {
    if (rules.stage == stage) return rules;
  }
  return kRules.back();
}

std::string stage_table() {
  std::string table =
      "| stage | known by | source's monitor silent | nothing sent | may be ordered |\n"
      "|---|---|---|---|---|\n";
  for (const StageRules& rules : kRules) {
    table +=
        fmt::format("| {} | {} | {} | {}{} | {} |\n", rules.name, rules.known_by, silence(rules),
                    standstill(rules), meaning(rules.dead_link), orders(rules));
  }
  return table;
}

}  // namespace godwit::steer
