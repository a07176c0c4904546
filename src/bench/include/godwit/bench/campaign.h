#pragma once

#include <cstdint>

#include "godwit/bench/cell.h"

namespace godwit::bench {

/// The campaign's cell with this number: load, technique, link, size and parameters at random, the
/// same for the same seed and number on every machine, so that a campaign can go on where it was.
/// Sized for about ten seconds each on a lab with software emulation. Cells with the same
/// `number / kCellsPerGuest` share a guest of one size, which is moved to and fro without a reboot.
Cell campaign_cell(std::uint64_t seed, std::int64_t number);

inline constexpr std::int64_t kCellsPerGuest = 25;

}  // namespace godwit::bench
