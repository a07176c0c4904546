#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "godwit/base/error.h"
#include "godwit/base/json.h"
#include "godwit/base/units.h"
#include "godwit/domain/migration_plan.h"
#include "godwit/domain/outcome.h"

namespace godwit::bench {

inline constexpr int kMaxRepeats = 1000;

/// One migration to be made and measured: all that is chosen about it beforehand.
struct Cell {
  std::string load;     ///< the load's name in its suite, e.g. "memory-write"
  std::string spec;     ///< what the guest does, as guest-load takes it
  Technique technique;  ///< of an advised one, whether the disks move is all that counts
  /// "auto": Godwit chooses the technique, and what of memory and disks goes first.
  bool advised = false;
  MigrationParameters parameters;  ///< what is fixed beyond the technique, e.g. the downtime limit
  BytesPerSecond link{40e6};       ///< of the migration network; QEMU is held to it, too
  Seconds round_trip{0};           ///< of the migration network (lab/spec.h)
  Bytes ram{256LL << 20};
  Bytes disk{256LL << 20};  ///< where the load uses one, or it moves: whole MiB
  Ratio disk_filled{1};     ///< of one that moves, how much holds data: from its beginning
  Seconds max_time{60};     ///< cancelled (did not converge) when it takes longer
  Seconds observe{2};       ///< length of the profile that is taken before
  bool rehearse = false;    ///< is a rehearsal part of the profile?
  bool pings = true;        ///< does a client ask the guest meanwhile?
  std::string law{kNoLaw};  ///< which control law steers it
  std::optional<Seconds> max_downtime;                ///< to which downtime
  bool no_postcopy = false;                           ///< and without post-copy
  Intent::Prefer prefer = Intent::Prefer::kDowntime;  ///< what an advised one is chosen for
  bool relay = false;                                 ///< does the stream run through Godwit?
  /// What the suite sweeps, as it stands there: {"set": "64MiB"}.
  std::map<std::string, std::string> sweep;
  int repeat = 1;  ///< 1…repeats

  friend bool operator==(const Cell&, const Cell&) = default;
};

/// The technique's name, or "auto", or "auto+storage".
[[nodiscard]] std::string technique_name(const Cell& cell);
/// kBadInput for what is neither.
Result<void> set_technique(Cell& cell, std::string_view name);

/// What a law steers to, and what an advised technique is chosen for.
[[nodiscard]] Intent intent_of(const Cell& cell);
/// In a few words: "300 ms, no post-copy"; empty without a wish.
[[nodiscard]] std::string intent_in_words(const Cell& cell);

/// `{"load", "spec", "technique", "parameters", "link_bytes_per_s", "round_trip_ms", "ram_bytes",
/// "disk_bytes", "disk_filled", "max_time_s", "observe_s", "rehearse", "pings", "law",
/// "max_downtime_s", "no_postcopy", "prefer", "relay", "sweep", "repeat"}`; runs of older versions
/// lack the round trip, the disk's two, and law and the four after it. kCorrupt for anything else.
Json to_json(const Cell& cell);
Result<Cell> cell_from_json(const Json& json);

/// One line for people: "memory-write by precopy over 40.0 MB/s, set=64MiB, repeat 2".
std::string describe(const Cell& cell);

}  // namespace godwit::bench
