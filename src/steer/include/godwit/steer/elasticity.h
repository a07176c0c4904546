#pragma once

#include <array>
#include <optional>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/domain/prediction.h"

/// How a guest's dirtying answers to less CPU, estimated while it migrates. Pure.
///
/// Jin et al. assume that the dirty rate is proportional to the CPU share that is allotted (their
/// eq. 8). A guest may use less than its share, so that a quota changes nothing, and its dirtying
/// may fall by less than its CPU time, as with a writer that keeps up with its pace at a fraction
/// of it. So both are estimated: the CPU time that is used under a quota, and a power law
///
///   ln D = a + b·ln t + e·ln u
///
/// for the unique bytes D that are dirtied in a window t by a guest that uses u CPUs. b is 1 where
/// pages are written once and 0 where the window is long enough to write all of them; e is the
/// elasticity: 1 is Jin's assumption, 0 a guest that no quota slows. The three are estimated by
/// Bayesian linear regression (normal-inverse-gamma, updated round by round), so that an interval
/// comes with few rounds, too; `a` drifts between rounds, as guests change their habits.

namespace godwit::steer {

/// What one round showed.
struct ThrottledRound {
  Ratio quota{1};           ///< of one CPU, for each vCPU; 1: not limited
  std::vector<Ratio> used;  ///< of one CPU, by vCPU, in this window
  Bytes dirtied;            ///< unique, in this window
  Seconds window{};
};

/// What throttling can do for a migration.
enum class ThrottleVerdict {
  kUnknown,     ///< too little has been seen: lower the quota and look again
  kNotBinding,  ///< the guest uses less than the quota: only one below its use does anything
  kHelps,       ///< a quota that is allowed brings the dirty rate down to the target
  kCannotHelp,  ///< none does: choose another way
};

class Elasticity {
 public:
  /// A round of no length, or without a vCPU, is not one.
  void observe(const ThrottledRound& round);

  /// A quota was seen to hold a vCPU back: from then on its answer is measured, not assumed.
  [[nodiscard]] bool was_held_back() const { return bound_rounds_ > 0; }
  /// CPUs that the guest would use, all vCPUs together.
  [[nodiscard]] double cpus_used(Ratio quota) const;
  /// The dirty rate of a next round of that length; never less with more CPU (median). Absent
  /// before the first round.
  [[nodiscard]] std::optional<Interval<BytesPerSecond>> dirty_rate(Ratio quota,
                                                                   Seconds window) const;
  /// Share of the guest's work that is lost to a quota, by Jin's eqs (6) and (7): work is CPU use
  /// times time, I = F·U·T, so 1 − U(quota)/U(1) over the same time. A vCPU that never ran without
  /// being held back is taken to want all of a CPU.
  [[nodiscard]] Ratio slowdown(Ratio quota) const;
  /// Whether quotas down to `least` bring the rate to `target` in rounds of length `window`.
  /// kCannotHelp is said with 95 % confidence, once a quota was seen to bind or where none may.
  [[nodiscard]] ThrottleVerdict verdict(BytesPerSecond target, Ratio least, Seconds window) const;

 private:
  static constexpr std::size_t kTerms = 3;
  using Terms = std::array<double, kTerms>;

  [[nodiscard]] Terms terms(double cpus, Seconds window) const;
  [[nodiscard]] bool binds(Ratio quota) const;
  void learn_demand(const ThrottledRound& round);
  void begin(const Terms& x, double y);
  void update(const Terms& x, double y);

  std::vector<Ratio> demand_;  ///< of each vCPU without a limit
  bool last_bound_ = false;    ///< the last round's quota held a vCPU back
  bool last_limited_ = false;
  int rounds_ = 0;
  int bound_rounds_ = 0;

  double first_cpus_ = 1;  ///< the regression is centred on the first round
  Seconds first_window_{1};
  Terms mean_{};                        ///< of a, b, e
  std::array<Terms, kTerms> spread_{};  ///< their covariance / noise variance
  double noise_variance_ = 0;
  double noise_rounds_ = 0;  ///< degrees of freedom
};

}  // namespace godwit::steer
