// A migration whose connections something else carries and paces, on a simulated pair.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "drive.h"
#include "fake_carrier.h"
#include "fake_pair.h"
#include "memory_journal.h"

namespace godwit::pair {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Carried : public testing::Test {
 protected:
  Carried() {
    plan.parameters.max_bandwidth = 40_MB_per_s;
    pair.destination.state = RunState::kInmigrate;
  }
  Result<MigrationOutcome> go(steer::Law& law) {
    Ends ends{pair.source, pair.destination, "tcp:10.0.0.2:4444"};
    ends.carrier = &carrier;
    return migrate(world.clock, ends, plan, law, options, {});
  }
  Result<MigrationOutcome> go() {
    steer::AsPlanned law;
    return go(law);
  }

  FakePair::World world;
  FakePair pair{world};
  FakeCarrier::Rates rates;
  FakeCarrier carrier{rates};
  MigrationPlan plan;
  control::RunOptions options;
};

TEST_F(Carried, TheSourceConnectsToTheCarrierAndTheDestinationListensWhereItDid) {
  const auto outcome = go();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_THAT(pair.source.log, Contains("migrate unix:/run/relay/stream"));
  EXPECT_THAT(pair.destination.log, Contains("migrate-incoming tcp:10.0.0.2:4444"));
}

TEST_F(Carried, TheCarrierKeepsTheRateAndQemusLimitIsOutOfTheWay) {
  plan.technique = Technique::kHybrid;
  std::optional<MigrationParameters> meanwhile;
  options.on_progress = [&](const control::Progress&) { meanwhile = pair.source.set; };
  const auto outcome = go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(rates, FakeCarrier::Rates{40_MB_per_s});
  ASSERT_TRUE(meanwhile);
  EXPECT_GE(*meanwhile->max_bandwidth, 10'000_MB_per_s);
  EXPECT_GE(*meanwhile->max_postcopy_bandwidth, 10'000_MB_per_s);
  EXPECT_EQ(pair.source.set, usual_parameters());
}

TEST_F(Carried, WithoutARateNobodyPaces) {
  plan.parameters.max_bandwidth.reset();
  ASSERT_TRUE(go());
  EXPECT_TRUE(rates.empty());
}

/// Half of the bandwidth, after the first round.
class Slower final : public steer::Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "slower"; }
  Order after_round(const steer::RoundView& view) override {
    Order order;
    if (view.rounds.size() == 1) order.max_bandwidth = 20_MB_per_s;
    return order;
  }
};

TEST_F(Carried, AnotherRateIsOrderedOfTheCarrier) {
  Slower law;
  const auto outcome = go(law);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(rates, (FakeCarrier::Rates{40_MB_per_s, 20_MB_per_s}));
  ASSERT_EQ(outcome->orders.size(), 1U);
  EXPECT_EQ(outcome->orders.front().refused, "");
}

TEST_F(Carried, APostcopyThatIsMendedGoesOnThroughTheCarrierAtItsRate) {
  plan.technique = Technique::kPostcopy;
  bool cut = false;
  std::optional<MigrationParameters> afterwards;
  options.on_progress = [&](const control::Progress& p) {
    if (p.phase != MigrationPhase::kPostcopyActive) return;
    if (cut) afterwards = pair.source.set;
    if (std::exchange(cut, true)) return;
    world.fault = FakePair::Fault::kLinkCutAWhile;
    world.fault_at_call = world.calls;
  };
  const auto outcome = go();
  ASSERT_TRUE(outcome && cut);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_THAT(pair.source.log, Contains("migrate-resume unix:/run/relay/stream"));
  EXPECT_THAT(pair.source.log, testing::Not(Contains("migrate-resume tcp:10.0.0.2:4444")));
  EXPECT_THAT(pair.destination.log, Contains("migrate-recover tcp:10.0.0.2:4444"));
  EXPECT_EQ(rates, FakeCarrier::Rates{40_MB_per_s}) << "as before";
  ASSERT_TRUE(afterwards);
  EXPECT_GE(*afterwards->max_bandwidth, 10'000_MB_per_s) << "QEMU's own is still out of the way";
}

TEST_F(Carried, WhyItBrokeIsSaid) {
  carrier.broken = Error{ErrorCode::kRefused, "10.0.0.2:4444 refused the connection", ""};
  options.on_progress = [this](const control::Progress& p) {
    if (p.round == 2) pair.cut_link();
  };
  const auto outcome = go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kFailed);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(outcome->remarks, Contains(HasSubstr("refused the connection")));
}

}  // namespace
}  // namespace godwit::pair
