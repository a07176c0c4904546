#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/prediction.h"

/// How well it is foretold when a migration ends that somebody else started: `godwit watch` in the
/// twin, where the truth is known, beside what an operator reckons by QEMU's own figures.

namespace godwit::bench {

/// What was said of the end at one moment.
struct Foretold {
  int rounds = 0;  ///< that had ended; 0: halfway through the first one
  Seconds at{};    ///< since the start
  std::optional<Interval<Seconds>> eta{};
  std::optional<Seconds> by_rate{};  ///< what remained ÷ the rate at which it was sent
};

/// One migration that completed, watched from its start by somebody who knew nothing of it.
struct WatchedRun {
  std::string guest;  ///< its kind
  bool throttled = false;
  Seconds over{};  ///< since the start
  std::vector<Foretold> said;
  /// The most by which the end that was expected moved from one look to the next where no round, no
  /// order and no other phase said why, of the time until then since the start.
  double moved = 0;
};

/// Migrations of guests drawn at random: RAM of 256 MiB to 16 GiB, links of 12 MB/s to 10 Gbit/s,
/// guests that write at random, in order, hot and cold, skewed (W ~ t^a), in bursts, some with
/// auto-converge. The watcher asks each 50 ms. Those that do not end within 10 minutes are left
/// out. The same for a seed; hundreds in seconds.
Result<std::vector<WatchedRun>> watch_in_the_twin(int migrations, std::uint64_t seed,
                                                  const std::function<void(double)>& on_done = {});

/// What was said at one kind of moment, against what came. Errors are medians of absolute ones.
struct ForetellingScore {
  std::string when;
  int moments = 0;
  int silent = 0;               ///< of these, without an ETA; the errors are of the others
  double of_total = 0;          ///< error, of the whole time
  double of_total_p90 = 0;      ///< the same, not exceeded in 90 %
  double of_left = 0;           ///< error, of what was left
  double by_rate_of_total = 0;  ///< the same by what remained ÷ the rate
  double by_rate_of_left = 0;
  double held = 0;  ///< share within its 90 % interval
};
/// By rounds that had ended; then after the first round by kinds of guests.
[[nodiscard]] std::vector<ForetellingScore> foretelling_scores(const std::vector<WatchedRun>& runs);

}  // namespace godwit::bench
