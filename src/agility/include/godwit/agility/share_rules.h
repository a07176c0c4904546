#pragma once

#include "godwit/base/units.h"

/// The numbers by which a share of the disks is copied: `storage` keeps to them, and DiskModel
/// predicts by them.

namespace godwit::agility {

/// Before the copy nothing is done for so long: long enough to see what is written again and again.
/// A share that leaves nothing, or all, to choose from needs none.
inline constexpr Seconds kObserveWrites{2};
/// Rounds go on while they are worth it: what is left may be discarded at no more than a fetch.
inline constexpr int kMostRounds = 5;
inline constexpr Bytes kSmallRound{4 << 20};
/// Of the downtime that is allowed for what was written to disks last.
inline constexpr double kShareOfDowntime = 0.25;

}  // namespace godwit::agility
