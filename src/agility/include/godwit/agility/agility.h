#pragma once

#include <optional>

#include "godwit/agility/disk_model.h"
#include "godwit/domain/prediction.h"

/// What is said of a migration beside its memory: its disks' part, and restoration agility.

namespace godwit::agility {

/// Restoration agility (Zhang, Lam, Wang): delta-T / (D + Delta-T), where delta-T is 20 s of the
/// guest's work, D its downtime (kind `events`) and Delta-T the time that the moved guest takes for
/// that work. 1: it goes on as if nothing had happened. Sets `agility` of what was predicted of
/// memory, and has a time; of a guest whose disks stay, or are all there when it moves.
void put_agility(TechniquePrediction& prediction);

/// Adds what moving the disks takes, `share` of them beforehand, to what was predicted of memory
/// alone: the technique's storage, times until memory's turn and afterwards, the downtime's part,
/// and agility. Intervals: all going well, on a faster link, of a guest that writes less, and the
/// reverse.
void put_disks(TechniquePrediction& prediction, const DiskModel& disks, Ratio share);

/// Agility alone, of the likely course: the search's inner loop. 0 where memory has no time.
[[nodiscard]] double agility_of(const TechniquePrediction& memory, const DiskModel* disks,
                                double share);

}  // namespace godwit::agility
