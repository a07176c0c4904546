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

}  // namespace godwit::model
