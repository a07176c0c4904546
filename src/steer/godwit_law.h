#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "correction.h"
#include "godwit/steer/elasticity.h"
#include "godwit/steer/law.h"
#include "godwit/steer/laws.h"
#include "godwit/twin/outlook.h"

namespace godwit::steer {

/// Godwit's own law: model-predictive. After each round it
/// 1. corrects the profile by what was seen: bytes sent, unique pages dirtied, CPU time used, how
///    much less was dirtied with less CPU time;
/// 2. runs the twin on from there for each order that it could give: another downtime limit (lower
///    ones, too, as QEMU uses all that it is given), post-copy, less time for the vCPUs;
/// 3. gives the cheapest that keeps the intent, which may be none.
/// It gives a migration up only where somebody limited its time, and two rounds in a row showed no
/// way. It orders nothing where the intent has no goal, and while a plan that was promised
/// (MigrationPlan::is_promised) keeps the intent. A plan that ends by post-copy is left alone.
///
/// A guest in phases is judged by lives of it where its mean shows no way: it is neither slowed
/// down nor given up while a quiet moment is to come that fits the intent.
class GodwitLaw final : public Law {
 public:
  explicit GodwitLaw(twin::Forecaster forecaster) : forecaster_(std::move(forecaster)) {}

  [[nodiscard]] std::string_view name() const override { return kOwnLaw; }
  [[nodiscard]] static bool may_steer(const MigrationPlan& plan);
  [[nodiscard]] bool engages(const MigrationPlan& plan) const override { return may_steer(plan); }
  /// Sets the smallest downtime limit for the first pass: a guest that fits it stands still for the
  /// shortest time, and for one that does not after_round() finds another.
  void shape(MigrationPlan& plan) const override;
  Order after_round(const RoundView& view) override;

 private:
  /// A downtime limit and a share of the vCPUs' time, with what the twin expects of them.
  struct Choice {
    Seconds limit{};
    double quota = 1;
    twin::Outlook outlook;
  };
  /// How much less is dirtied with less CPU time.
  void learn_elasticity(const RoundView& view);
  [[nodiscard]] double activity_at(const RoundView& view, double quota) const;
  [[nodiscard]] Ratio slowdown(double quota) const;
  [[nodiscard]] std::optional<Choice> best_limit(const RoundView& view, Seconds horizon,
                                                 double quota, bool surely);
  [[nodiscard]] std::optional<Choice> best_quota(const RoundView& view, Seconds horizon,
                                                 double least);
  [[nodiscard]] twin::Outlook outlook_of(const RoundView& view, const MigrationParameters& limits,
                                         Seconds horizon) const;
  [[nodiscard]] std::optional<Choice> quiet_moment(const RoundView& view, Seconds horizon) const;
  [[nodiscard]] bool keeps_promise(const RoundView& view, Seconds horizon) const;
  [[nodiscard]] Order decide(const RoundView& view, Seconds horizon);
  [[nodiscard]] static Order carry_out(const RoundView& view, const Choice& choice);
  [[nodiscard]] twin::Outlook by_postcopy(const RoundView& view) const;
  [[nodiscard]] static Order go_postcopy(const twin::Outlook& outlook);
  [[nodiscard]] static Order lift_quota(const RoundView& view);
  Order despair(const RoundView& view, Seconds horizon);

  twin::Forecaster forecaster_;
  Correction correction_;
  std::optional<Elasticity> elasticity_;  ///< absent while nobody has counted CPU time
  std::vector<Weighed> weighed_;          ///< after the newest round
  int hopeless_rounds_ = 0;
  bool throttling_was_vain_ = false;
};

}  // namespace godwit::steer
