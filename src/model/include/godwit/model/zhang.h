#pragma once

#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"

/// The fractional hybrid copy of Zhang, Lam, Wang, "Adaptive Live VM Migration over a WAN": M of
/// memory and S of storage are pre-copied, the guest moves, the rest follows by post-copy. Pages
/// and chunks are written and read as Poisson processes. The talk gives the metric and the search;
/// what it leaves open is settled here and said. Pure functions.

namespace godwit::model {

/// Pages of memory, or chunks of storage, that are used alike.
struct AccessClass {
  double count = 0;
  double writes_per_s = 0;  ///< of each
  double reads_per_s = 0;   ///< of each
};

/// Memory or storage as a whole.
struct AccessProfile {
  std::vector<AccessClass> classes;
  Bytes unit;  ///< of a page or a chunk, more than 0
  /// Writes that replace the whole unit: after the move they need not fetch it ("whole-page
  /// overwriting").
  Ratio whole_writes;
};

struct ZhangVm {
  AccessProfile memory;
  AccessProfile storage;  ///< may have no classes
};

struct ZhangLink {
  BytesPerSecond rate;  ///< more than 0
  Seconds round_trip{};
};

/// What is pre-copied; of each, the units written least come first (the talk does not say which).
struct ZhangChoice {
  Ratio memory;   ///< M
  Ratio storage;  ///< S
};

struct ZhangOutcome {
  Seconds total{};          ///< T, until all has arrived
  Seconds remote_uptime{};  ///< U, of it the guest runs on the destination
  Seconds downtime{};       ///< D
  Seconds restored{};       ///< Delta-T: the moved guest's time for the work of delta-T
  double agility = 0;       ///< Gamma = delta-T / (D + Delta-T), 0...1
};

/// The talk's delta-T.
inline constexpr Seconds kZhangWork{20};

/// Rounds end when the next one would not be this much shorter, or after so many (as Jin's N).
inline constexpr double kShorterRound = 0.95;
inline constexpr int kMostZhangRounds = 30;

/// Storage is pre-copied first, then memory, each in rounds while those get shorter; what was
/// written meanwhile, of both, is sent with the guest stopped. Then the rest is pushed in the order
/// of use, and whoever touches what has not come yet waits a round trip and a unit's time.
/// kBadInput: a rate, unit or share that cannot be meant.
Result<ZhangOutcome> zhang_migration(const ZhangVm& vm, const ZhangLink& link,
                                     const ZhangChoice& choice, Seconds work = kZhangWork);

/// The talk's search: S by ternary search as if memory were there by magic, then M with that S.
/// To a hundredth. Errors as above.
Result<ZhangChoice> zhang_search(const ZhangVm& vm, const ZhangLink& link,
                                 Seconds work = kZhangWork);

/// Ours: agility over (M, S) may have more than one summit, so the highest point of
/// a coarse grid, or theirs, is where a search for the top begins. Errors as above.
Result<ZhangChoice> best_fractions(const ZhangVm& vm, const ZhangLink& link,
                                   Seconds work = kZhangWork);

}  // namespace godwit::model
