#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/fleet/estimate.h"

/// What is written down of a fleet's moves, so that who comes after a Godwit that was killed knows
/// what to look at, and what was evacuated can be brought back.

namespace godwit::fleet {

/// One line. Texts that mean nothing for a kind of entry are empty.
struct Entry {
  enum class Kind {
    kBegan,      ///< a run: `host`, `goal` ("evacuate", "restore")
    kPreparing,  ///< a destination of `vm` is about to be started on `to`
    kStarted,    ///< it answers on `monitor`
    kMoving,     ///< the migration may begin
    kMoved,      ///< the VM runs on `to`; with what it took beside QEMU's time (Costs)
    kNotMoved,   ///< it runs on `from`, as before; `why`
    kBlocked,    ///< it is left alone from now on; `why`
    kGone,       ///< it runs nowhere
    kEnded,      ///< the run
    kCordoned,   ///< `host`
    kUncordoned,
    kSeen  ///< `vm` was observed: moving it by `technique` would take `load`
  };
  Kind kind = Kind::kBegan;
  std::int64_t wall_us = 0;
  std::string run{};
  std::string host{};
  std::string goal{};
  std::string vm{};
  std::string from{};
  std::string to{};
  std::string monitor{};
  std::string technique{};
  std::string why{};
  std::optional<Seconds> prepared{};
  std::optional<Seconds> around{};
  std::optional<Seconds> after{};
  std::optional<schedule::MemoryLoad> load{};  ///< Way::load
  friend bool operator==(const Entry&, const Entry&) = default;
};
[[nodiscard]] std::string to_line(const Entry& entry);
/// kCorrupt.
Result<Entry> entry_from(std::string_view line);

/// Takes entries, in order.
class Record {
 public:
  Record() = default;
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;
  virtual ~Record() = default;
  /// It is on disk when this returns. Thread-safe.
  virtual Result<void> append(const Entry& entry) = 0;
};

// --- what entries say. Pure ---

/// A run that its Godwit did not live to end.
struct OpenRun {
  std::string id;
  std::string host;
  std::string goal;
  std::vector<Entry> moved;  ///< what it had moved by then
};
[[nodiscard]] std::optional<OpenRun> open_run(const std::vector<Entry>& entries);

/// The newest entry of each VM whose destination was about to be started, and of whose end nothing
/// is said.
[[nodiscard]] std::map<std::string, Entry> under_way(const std::vector<Entry>& entries);

/// VMs that evacuations took away from a host and nobody has brought back, with that host.
[[nodiscard]] std::map<std::string, std::string> evacuated(const std::vector<Entry>& entries);

/// Where a VM's last move took it, and the monitor that it answers on there.
[[nodiscard]] std::map<std::string, Entry> last_moves(const std::vector<Entry>& entries);

[[nodiscard]] std::set<std::string> cordoned(const std::vector<Entry>& entries);

/// The medians of the newest moves; the usual ones where there are too few.
[[nodiscard]] Costs costs_of(const std::vector<Entry>& entries, const Costs& usual = {});

}  // namespace godwit::fleet
