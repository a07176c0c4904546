#pragma once

#include <optional>
#include <vector>

#include "godwit/advise/advise.h"
#include "godwit/domain/hypervisor.h"
#include "godwit/domain/link.h"

/// What it adds when the disks move along. Pure.

namespace godwit::advise {

/// How long the mirrors need before memory's turn comes: all that the writable disks hold, at the
/// link's rate. That is simple: what the guest writes to them meanwhile comes on top, and a disk is
/// rarely read faster than a link sends. `share`: of it, what is copied before the guest moves.
/// Nothing where a disk doesn't tell what it holds.
[[nodiscard]] std::optional<Seconds> mirror_time(const std::vector<Disk>& disks, const Link& link,
                                                 std::optional<Ratio> share = {});

/// Adds that time to what was predicted of memory alone; without it there is no total time, rather
/// than a wrong one.
void add_storage(TechniquePrediction& prediction, std::optional<Seconds> mirror_time);
void add_storage(Advised& advised, std::optional<Seconds> mirror_time);

}  // namespace godwit::advise
