#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/outcome.h"
#include "godwit/domain/prediction.h"
#include "godwit/schedule/transfer.h"

/// What is expected of one VM's move, as a plan of many needs it. Pure.

namespace godwit::fleet {

/// What a move costs besides its stream, by the fleet's own moves (record.h), else as measured on
/// the lab (docs/evacuating.md).
struct Costs {
  Seconds overhead{4.0};  ///< T_O: until a destination is ready to receive; hidden behind others
  Seconds around{0.1};    ///< from its turn to the next one's, beside QEMU's total time
  Seconds after{1.5};     ///< from the end of its stream until its host has nothing of it any more
};

/// Standard deviation of the logarithm of what goes beside a stream: of 24 moves on the lab,
/// preparing took 4.06 s (2.68 ... 8.11 in 90 %), the end of the old QEMU 1.72 s (1.39 ... 3.42).
inline constexpr double kCostsError = 0.3;

/// One way to move it, and what that takes.
struct Way {
  Technique technique;
  MigrationParameters parameters;
  /// So that memory / (rate − cold) is what was predicted at all of the path's rate, and at half.
  schedule::MemoryLoad load;
  /// Standard deviations of the logarithm of actual over predicted time, above 0 and below: what
  /// goes wrong takes longer than what goes well saves, and many moves add that up.
  double later = 0;
  double sooner = 0;
};

/// A VM that can't go, with why and what would help.
struct Blocked {
  std::string vm;
  std::string reason;
  Remedy what_to_do;
};

struct Estimate {
  std::string vm;
  std::vector<Way> ways;  ///< the best one first; empty where it is blocked
  std::optional<Blocked> blocked{};
  std::map<std::string, Error> barred{};  ///< hosts that can't take it, with why
  std::string ground{};  ///< what it stands on: "observed for 8 s", "the worst of 3 earlier moves"
  std::optional<GuestProfile> profile{};
  std::optional<Prediction> predicted{};
  std::optional<Seconds> max_time{};  ///< its move is given up after that, where somebody said so
};

/// Of predictions at all of a path's rate and at half of it. `half`: null where it does not
/// converge there; it then gets more than half. kUnsupported where `whole` does not converge.
Result<Way> way_of(const TechniquePrediction& whole, const TechniquePrediction* half,
                   BytesPerSecond rate, const Costs& costs);

/// Without a profile: the worst of its history (Ramanathan et al., section 5), by pre-copy; without
/// a history all of its memory, twice. The interval says how little is known.
[[nodiscard]] Estimate without_profile(const std::string& vm, Bytes memory, BytesPerSecond rate,
                                       const std::vector<OutcomeRecord>& history,
                                       const Costs& costs);

}  // namespace godwit::fleet
