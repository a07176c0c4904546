#pragma once

#include <string>
#include <vector>

#include "godwit/preflight/preflight.h"

/// What each host has of its own, and what both share. Pure.

namespace godwit::preflight {

/// Does each disk find at the destination what the plan needs there? A part of `preflight`.
Result<void> check_disks(const PreflightFacts& facts, const MigrationPlan& plan);

/// The disks that `+storage` moves: writable ones that both sides have and that are not known to be
/// one and the same. A firmware's flash travels with memory.
[[nodiscard]] std::vector<MovedDisk> disks_to_move(const PreflightFacts& facts);

/// What is taken for granted, as nobody here can see it; a sentence each. A part of what
/// `preflight` let pass.
[[nodiscard]] std::vector<std::string> taken_for_granted(const PreflightFacts& facts);

/// Disks that are written to and of which only the name tells whether both sides share them; a
/// sentence each.
[[nodiscard]] std::vector<std::string> taken_by_name(const PreflightFacts& facts,
                                                     const MigrationPlan& plan);

}  // namespace godwit::preflight
