// Control whole on the twin's clock: what is predicted happens, and laws steer it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulated.h"

namespace godwit::control {
namespace {

using model::testing::guest;
using model::testing::uniform;
using testing::HasSubstr;

TEST(OnTheTwin, AMigrationTakesWhatIsPredicted) {
  const Technique both = parse_technique("xbzrle+auto-converge").value();
  for (const Technique technique : {Technique::kPrecopy, Technique::kMultifd, Technique::kXbzrle,
                                    Technique::kPostcopy, Technique::kHybrid, both}) {
    Simulated run;
    run.plan.technique = technique;
    const auto outcome = run.go();
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << to_string(technique);
    EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
    const auto predicted =
        twin::Predictor::make(run.profile, Link{kLink, {}})->predict(technique, {});
    // beside the passes a prediction counts what starting takes
    EXPECT_NEAR(outcome->total_time->count(), predicted->total_time->p50.count(), 0.5)
        << to_string(technique);
  }
}

TEST(OnTheTwin, TheRoundsAddUpAndTellWhatWasDirtied) {
  Simulated run;
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  Bytes sum;
  for (const RoundRecord& round : outcome->rounds) sum += round.sent;
  EXPECT_EQ(sum, *outcome->transferred.qemu);
  ASSERT_GE(outcome->rounds.size(), 3u);
  const RoundRecord& second = outcome->rounds[1];
  ASSERT_TRUE(second.dirtied);
  const double truth = uniform(64_MiB, 10_MB_per_s)(second.duration).as_double();
  EXPECT_NEAR(second.dirtied->as_double(), truth, 0.05 * truth);
}

/// Doubles the downtime limit after each round: a law in full.
class Doubling final : public steer::Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "doubling"; }
  Order after_round(const steer::RoundView& view) override {
    Order order;
    order.downtime_limit = view.limits.downtime_limit.value_or(Seconds(0.3)) * 2;
    order.why = "another round has passed";
    return order;
  }
};

TEST(OnTheTwin, ALawEndsWhatWouldNeverEnd) {
  Simulated run;
  run.profile = writer(400_MB_per_s);
  run.plan.max_time = Seconds(600);
  auto left_alone = run.go();
  ASSERT_TRUE(left_alone);
  EXPECT_EQ(left_alone->status, OutcomeStatus::kDidNotConverge);

  run.law = std::make_unique<Doubling>();
  const auto steered = run.go();
  ASSERT_TRUE(steered);
  EXPECT_EQ(steered->status, OutcomeStatus::kCompleted) << steered->reason;
  ASSERT_FALSE(steered->orders.empty());
  EXPECT_EQ(steered->orders.front().order.downtime_limit, Seconds(0.6));
  EXPECT_EQ(steered->orders.front().round, 2);
  EXPECT_TRUE(steered->orders.front().refused.empty());
  EXPECT_EQ(steered->parameters.downtime_limit, run.plan.parameters.downtime_limit)
      << "what was planned stays what was planned";
}

/// Orders post-copy whatever the plan says.
class Eager final : public steer::Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "eager"; }
  Order at_look(const steer::RoundView&) override {
    Order order;
    order.switch_to_postcopy = true;
    order.why = "why not";
    return order;
  }
};

TEST(OnTheTwin, WhatThePlanDoesNotAllowIsRefusedAndSaid) {
  Simulated run;
  run.law = std::make_unique<Eager>();
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  ASSERT_EQ(outcome->orders.size(), 1u) << "said once, not at every look";
  EXPECT_THAT(outcome->orders.front().refused, HasSubstr("does not allow"));
}

TEST(OnTheTwin, GivingUpIsAnOrderToo) {
  class GivesUp final : public steer::Law {
   public:
    [[nodiscard]] std::string_view name() const override { return "gives up"; }
    Order after_round(const steer::RoundView&) override {
      Order order;
      order.give_up = true;
      order.why = "it will never end";
      return order;
    }
  };
  Simulated run;
  run.law = std::make_unique<GivesUp>();
  const auto outcome = run.go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCancelled);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_EQ(outcome->reason, "it will never end");
  EXPECT_EQ(run.session->running_guests(), 1);
}

// --- a session of another kind ---

/// All that a session needs: something that takes three seconds and then has moved.
class Slide final : public MigrationSession {
 public:
  explicit Slide(Clock& clock) : clock_(clock) {}
  Result<void> prepare(const MigrationPlan&) override { return {}; }
  Result<void> start() override {
    seen_.started = seen_.launched_at = seen_.last_answer = seen_.last_progress = clock_.now();
    seen_.launched = true;
    seen_.status.phase = MigrationPhase::kActive;
    return {};
  }
  std::vector<PassSync> watch(TimePoint deadline) override {
    (void)clock_.wait_until(deadline, {});
    seen_.last_answer = seen_.last_progress = clock_.now();
    if (!seen_.gave_up_at && clock_.now() - seen_.started >= Seconds(3)) {
      seen_.status.phase = MigrationPhase::kCompleted;
      seen_.status.total_time = clock_.now() - seen_.started;
    }
    return {};
  }
  [[nodiscard]] const SessionView& view() const override { return seen_; }
  [[nodiscard]] Liveness liveness() override { return {}; }
  Result<void> amend(const Order&) override {
    return fail(ErrorCode::kUnsupported, "there are no limits here");
  }
  bool cancel(GiveUp, const std::string& reason) override {
    seen_.gave_up_at = clock_.now();
    seen_.status.phase = MigrationPhase::kCancelled;
    reason_ = reason;
    return true;
  }
  void settle(MigrationOutcome& outcome, const std::stop_token&) override {
    const bool moved = seen_.status.phase == MigrationPhase::kCompleted;
    outcome.status = moved ? OutcomeStatus::kCompleted : OutcomeStatus::kCancelled;
    outcome.vm_runs_on = moved ? VmRunsOn::kDestination : VmRunsOn::kSource;
    outcome.reason = reason_;
  }
  [[nodiscard]] std::optional<RunState> run_state(Side) override { return RunState::kRunning; }
  void release(MigrationOutcome& outcome) override { outcome.given_back = true; }

 private:
  Clock& clock_;
  SessionView seen_;
  std::string reason_;
};

TEST(AnotherSession, IsOneClass) {
  ManualClock clock;
  Slide session(clock);
  steer::AsPlanned law;
  MigrationPlan plan;
  const auto outcome = run_migration(clock, session, plan, law, {}, {}, {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kDestination);
  EXPECT_NEAR(outcome->total_time->count(), 3, 0.06);
}

TEST(AnotherSession, IsSteeredByAnyLawAndRefusesWhatItCannotDo) {
  ManualClock clock;
  Slide session(clock);
  Eager law;
  MigrationPlan plan;
  plan.technique = Technique::kHybrid;
  const auto outcome = run_migration(clock, session, plan, law, {}, {}, {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  ASSERT_FALSE(outcome->orders.empty());
  EXPECT_THAT(outcome->orders.front().refused, HasSubstr("no post-copy here"));
}

}  // namespace
}  // namespace godwit::control
