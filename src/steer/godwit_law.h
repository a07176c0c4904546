#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "correction.h"
#include "godwit/steer/elasticity.h"
#include "godwit/steer/law.h"
#include "godwit/twin/outlook.h"

namespace godwit::steer {

/// Godwit's own law: model-predictive. After each round it corrects what the profile says by what
/// was seen (bytes sent, unique pages dirtied, CPU time used, and how dirtying answered to less of
/// it), runs the twin on from there for each order that it
/// could give, and gives the cheapest that keeps the intent: none, another downtime limit (down as
/// well as up, as QEMU spends what it is given), post-copy, less time for the vCPUs, or the end,
/// once two rounds in a row showed no way and the time was limited by who asked for it. Where
/// nothing was asked for, and while a plan that was promised keeps the intent, it orders nothing;
/// where a plan ends by post-copy it leaves that to the plan.
class GodwitLaw final : public Law {
 public:
  explicit GodwitLaw(twin::Forecaster forecaster) : forecaster_(std::move(forecaster)) {}

  [[nodiscard]] std::string_view name() const override { return "godwit"; }
  [[nodiscard]] static bool may_steer(const MigrationPlan& plan);
  [[nodiscard]] bool engages(const MigrationPlan& plan) const override { return may_steer(plan); }
  /// Starts with the smallest limit: what fits it at the end of the first pass costs least, and
  /// what does not is decided then.
  void shape(MigrationPlan& plan) const override;
  Order after_round(const RoundView& view) override;

 private:
  /// Limits, and what they lead to.
  struct Choice {
    Seconds limit{};
    double quota = 1;
    twin::Outlook outlook;
  };
  void learn_elasticity(const RoundView& view);
  [[nodiscard]] double activity_at(const RoundView& view, double quota) const;
  [[nodiscard]] Ratio slowdown(double quota) const;
  [[nodiscard]] std::optional<Choice> best_limit(const RoundView& view, Seconds horizon,
                                                 double quota, bool surely);
  [[nodiscard]] std::optional<Choice> best_quota(const RoundView& view, Seconds horizon,
                                                 double least);
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
