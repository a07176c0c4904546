// A law that slows the source's vCPUs down, on a simulated pair: the guest gets its time back when
// it leaves, when it stays, and from a successor. Faults at every call: fault_sweep_test.cpp.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "drive.h"
#include "fake_dirty_vm.h"
#include "fake_pair.h"
#include "fake_quota.h"
#include "godwit/pair/recovery.h"
#include "memory_journal.h"

namespace godwit::pair {
namespace {

using control::MemoryJournal;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

/// One that asks nobody whether it can be done.
class Stubborn final : public steer::Law {
 public:
  [[nodiscard]] std::string_view name() const override { return "stubborn"; }
  Order after_round(const steer::RoundView& view) override {
    saw_it_possible = saw_it_possible || view.may_slow_down;
    Order order;
    order.cpu_quota = Ratio(0.3);
    order.why = "it insists";
    return order;
  }
  bool saw_it_possible = false;
};

class Slowed : public testing::Test {
 protected:
  Slowed() {
    plan.parameters.max_bandwidth = 40_MB_per_s;
    pair.destination.state = RunState::kInmigrate;
  }
  Result<MigrationOutcome> go(steer::Law& law) {
    Ends ends{pair.source, pair.destination, "tcp:10.0.0.2:4444"};
    ends.journal = &journal;
    ends.cpu_quota = port.get();
    return migrate(world.clock, ends, plan, law, options, {});
  }
  Result<MigrationOutcome> go() {
    Halving law;
    return go(law);
  }
  Recovered recover_now() {
    return recover(world.clock, journal.entries.back(),
                   {&pair.source, false, [this](const LentCpu& l) { return quota.give_back(l); }},
                   {&pair.destination, false});
  }

  FakePair::World world;
  FakePair pair{world};
  FakeQuota quota{world, pair};
  std::unique_ptr<LentQuota> port = std::make_unique<LentQuota>(quota);
  MemoryJournal journal;
  MigrationPlan plan;
  control::RunOptions options;
};

TEST_F(Slowed, TheGuestGetsItsTimeBackWhenItLeaves) {
  std::optional<Ratio> while_it_left;
  options.on_progress = [&](const control::Progress& p) {
    if (p.phase == MigrationPhase::kDevice) while_it_left = quota.share.value_or(Ratio(1));
  };
  const auto outcome = go();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << outcome->reason;
  EXPECT_EQ(quota.limits, (std::vector{Ratio(0.5), Ratio(0.25), Ratio(0.125)}));
  EXPECT_EQ(while_it_left, Ratio(1));
  EXPECT_FALSE(quota.share);
  EXPECT_EQ(outcome->given_back, true);
  EXPECT_FALSE(journal.entries.back().source_cpu);
  EXPECT_EQ(journal.entries.back().step, "done");
  for (const AppliedOrder& one : outcome->orders) EXPECT_EQ(one.refused, "") << one.order.why;
}

TEST_F(Slowed, EachRoundTellsHowMuchOfItsCpuTheGuestUsed) {
  const auto outcome = go();
  ASSERT_TRUE(outcome);
  ASSERT_GE(outcome->rounds.size(), 3U);
  for (const std::size_t round : {0U, 1U, 2U}) {
    ASSERT_EQ(outcome->rounds[round].vcpu_used.size(), 1U);
    EXPECT_NEAR(outcome->rounds[round].vcpu_used[0].value(), std::pow(0.5, round), 0.02);
  }
}

TEST_F(Slowed, ItsTimeIsBackBeforePostcopyBegins) {
  plan.technique = Technique::kHybrid;
  plan.parameters.precopy_share = Ratio(1);
  std::optional<Ratio> at_the_switch;
  options.on_progress = [&](const control::Progress& p) {
    if (p.phase == MigrationPhase::kPostcopyActive && !at_the_switch) {
      at_the_switch = quota.share.value_or(Ratio(1));
    }
  };
  const auto outcome = go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->technique, Technique::kHybrid);
  EXPECT_THAT(quota.limits, testing::Not(IsEmpty()));
  EXPECT_EQ(at_the_switch, Ratio(1));
}

/// Cancelled by a person at the side, it stays for good.
TEST_F(Slowed, AGuestThatStaysGetsItsTimeBack) {
  world.converges = false;
  plan.max_time = Seconds(5);
  const auto outcome = go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kDidNotConverge);
  EXPECT_EQ(outcome->vm_runs_on, VmRunsOn::kSource);
  EXPECT_GE(quota.limits.size(), 4U);
  EXPECT_FALSE(quota.share);
  EXPECT_EQ(outcome->given_back, true);
}

TEST_F(Slowed, NothingIsLimitedThatIsNotWrittenDown) {
  options.on_progress = [this](const control::Progress&) { journal.full = true; };
  const auto outcome = go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted) << "it goes on without";
  EXPECT_THAT(quota.limits, IsEmpty());
  ASSERT_FALSE(outcome->orders.empty());
  EXPECT_THAT(outcome->orders.front().refused, HasSubstr("no space left"));
}

TEST_F(Slowed, WhereNobodyCanItIsRefusedWithAReason) {
  port.reset();
  Stubborn law;
  const auto outcome = go(law);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_FALSE(law.saw_it_possible) << "a law that can do without knows it beforehand";
  ASSERT_EQ(outcome->orders.size(), 1U) << "the same refusal is said once";
  EXPECT_THAT(outcome->orders.front().refused, HasSubstr("can't be slowed down"));
}

TEST_F(Slowed, WhereARightIsMissingItIsKnownBeforehandToo) {
  quota.refuses = Error{ErrorCode::kPermission, "the group belongs to root", "become root"};
  Stubborn law;
  const auto outcome = go(law);
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(law.saw_it_possible);
  EXPECT_THAT(outcome->orders.front().refused, HasSubstr("belongs to root"));
  EXPECT_THAT(quota.limits, IsEmpty());
}

TEST_F(Slowed, WhatCannotBeGivenBackIsSaidAndIsTheSuccessors) {
  options.on_progress = [this](const control::Progress&) { quota.stuck = quota.share.has_value(); };
  const auto outcome = go();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->status, OutcomeStatus::kCompleted);
  EXPECT_EQ(outcome->given_back, false);
  EXPECT_THAT(outcome->remarks, Contains(HasSubstr("vCPUs are still limited")));
  ASSERT_TRUE(journal.entries.back().source_cpu);
  port.reset();
  ASSERT_TRUE(quota.share);

  const Recovered in_vain = recover_now();
  EXPECT_FALSE(in_vain.finished);
  EXPECT_TRUE(in_vain.left.source_cpu);
  EXPECT_THAT(in_vain.what_to_do, HasSubstr("still limited"));
  quota.stuck = false;
  const Recovered found = recover_now();
  EXPECT_TRUE(found.finished) << found.what_to_do;
  EXPECT_FALSE(quota.share);
  EXPECT_THAT(found.given_back, Contains("source: CPU time of the vCPUs"));
}

/// The guest's time does not wait for its migration.
TEST_F(Slowed, ASuccessorGivesItBackAtOnceWhileTheMigrationGoesOn) {
  world.converges = false;
  options.on_progress = [this](const control::Progress&) {
    if (!quota.share) return;
    world.godwit_is_dead = true;
    throw FakePair::GodwitDied{};
  };
  EXPECT_THROW((void)go(), FakePair::GodwitDied);
  port.reset();
  world.godwit_is_dead = false;
  ASSERT_TRUE(quota.share) << "a killed Godwit gives nothing back";
  const Recovered found = recover_now();
  EXPECT_FALSE(quota.share);
  EXPECT_FALSE(found.finished) << "the migration goes on by itself";
  EXPECT_EQ(found.runs_on, VmRunsOn::kSource);
  EXPECT_FALSE(found.left.source_cpu);
  EXPECT_TRUE(found.left.source_lease);
}

TEST(SlowedRehearsal, NeverIs) {
  FakeDirtyVm vm;
  const auto session = make_sink_session(vm.clock, vm, {}, nullptr);
  EXPECT_FALSE(session->view().may_slow_down);
  Order order;
  order.cpu_quota = Ratio(0.5);
  const auto refused = session->amend(order);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace godwit::pair
