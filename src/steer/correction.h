#pragma once

#include <optional>
#include <vector>

#include "godwit/steer/law.h"
#include "godwit/twin/outlook.h"

/// Private to steer: what the rounds of a running migration say of its guest and its link.

namespace godwit::steer {

/// Shorter rounds say more of when QEMU was asked than of the guest.
inline constexpr Seconds kShortestRound{0.05};
/// A guest that rests may write again.
inline constexpr double kLeastActivity = 0.01;

/// When the newest round ended, since the start; at least one has. It is known from the rounds
/// alone, so that who sees them later counts the same.
[[nodiscard]] Seconds end_of_last_round(const RoundView& view);

/// Corrects a profile by what is seen: bytes sent, unique pages dirtied.
class Correction {
 public:
  /// To be called once for each round, right after its end.
  void learn(const RoundView& view, const twin::Forecaster& forecaster);
  [[nodiscard]] const twin::UnderWay& now() const { return now_; }
  /// The share of their time that the vCPUs had in the newest round.
  [[nodiscard]] double ran_at() const { return ran_at_; }

 private:
  void learn_activity(const RoundView& view, const twin::Forecaster& forecaster);

  twin::UnderWay now_;
  double ran_at_ = 1;
  std::vector<double> activities_;  ///< of the newest rounds
};

/// What the rounds show of a guest that nobody observed before, but for how it writes: its dirty
/// curve is the newest round alone. Nothing while no round tells what was dirtied.
[[nodiscard]] std::optional<GuestProfile> profile_of_rounds(const RoundView& view);

}  // namespace godwit::steer
