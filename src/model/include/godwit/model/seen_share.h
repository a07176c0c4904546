#pragma once

#include <optional>
#include <vector>

#include "godwit/domain/guest_profile.h"

namespace godwit::model {

/// A dirty curve's likely value between its points, linear, in bytes; beyond them that of the last.
[[nodiscard]] double unique_at(const std::vector<DirtyPoint>& points, Seconds window);

/// What one source saw of the writing that the profile's `dirty_curve` shows.
struct SeenShare {
  DirtySource source = DirtySource::kContentHash;
  Seconds window{};  ///< within which both are compared: the longest that both measured
  Ratio share;       ///< of the memory in the curve's unique pages; above 1 where it saw more

  friend bool operator==(const SeenShare&, const SeenShare&) = default;
};

/// Of each other source of the profile, where it can be told: each of the two curves reaches up to
/// that window, and the main one shows writing at all. Between points curves are taken as linear.
/// The sources looked one after the other, so that a guest that changed meanwhile shows here, too.
[[nodiscard]] std::vector<SeenShare> seen_shares(const GuestProfile& profile);

/// What content hashes saw written within a second, for each second of vCPU time that the guest
/// used in one; where that is so little that they may miss most of what it writes (silent stores),
/// or it writes hardly at all, as one that only computes: the two look the same. Nothing where the
/// figure is usual, where the guest uses hardly more time than one that idles, and where nobody
/// counted. docs/research/phases.md says how often this tells.
[[nodiscard]] std::optional<Bytes> suspiciously_little_written(const GuestProfile& profile);

}  // namespace godwit::model
