// What becomes of a migration whose Godwit was killed, at the moments that a fault at every call
// does not name. On a simulated pair.

#include "godwit/pair/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drive.h"
#include "fake_pair.h"
#include "memory_journal.h"

namespace godwit::pair {
namespace {

using control::MemoryJournal;
using testing::HasSubstr;

/// A migration by post-copy whose Godwit is killed once the guest runs at the destination.
class KilledInPostcopy : public testing::Test {
 protected:
  void SetUp() override {
    pair_.destination.state = RunState::kInmigrate;
    MigrationPlan plan;
    plan.technique = Technique::kPostcopy;
    plan.parameters.max_bandwidth = 40_MB_per_s;
    Ends ends{pair_.source, pair_.destination, "tcp:10.0.0.2:4444"};
    ends.journal = &journal_;
    control::RunOptions options;
    options.on_progress = [this](const control::Progress& p) {
      if (p.phase != MigrationPhase::kPostcopyActive) return;
      world_.godwit_is_dead = true;
      throw FakePair::GodwitDied{};
    };
    EXPECT_THROW((void)migrate(world_.clock, ends, plan, options, {}), FakePair::GodwitDied);
    world_.godwit_is_dead = false;
    ASSERT_TRUE(pair_.source.on.contains(Capability::kPostcopyRam)) << "borrowed still";
  }
  Recovered recover_now() {
    return recover(
        world_.clock, journal_.entries.back(),
        {pair_.source.alive ? &pair_.source : nullptr, !pair_.source.alive},
        {pair_.destination.alive ? &pair_.destination : nullptr, !pair_.destination.alive});
  }

  FakePair::World world_;
  FakePair pair_{world_};
  MemoryJournal journal_;
};

TEST_F(KilledInPostcopy, WhatGoesOnIsLeftAloneAndGivenBackOnceItIsOver) {
  const Recovered during = recover_now();
  EXPECT_EQ(during.runs_on, VmRunsOn::kDestination);
  EXPECT_FALSE(during.finished);
  EXPECT_THAT(during.what_to_do, HasSubstr("do not end the source"));
  EXPECT_TRUE(during.left.source_lease && during.left.destination_lease);
  EXPECT_TRUE(pair_.source.on.contains(Capability::kPostcopyRam)) << "it is not over";
  pair_.go_on_alone(Seconds(1000));
  const Recovered after = recover_now();
  EXPECT_EQ(after.runs_on, VmRunsOn::kDestination);
  EXPECT_TRUE(after.finished) << after.what_to_do;
  EXPECT_TRUE(pair_.source.on.empty());
  EXPECT_TRUE(pair_.destination.on.empty());
  EXPECT_EQ(pair_.most_running(), 1);
}

TEST_F(KilledInPostcopy, ABrokenLinkIsSaidWithTheWayToRecover) {
  pair_.cut_link();
  pair_.go_on_alone(Seconds(1));
  const Recovered found = recover_now();
  EXPECT_EQ(found.runs_on, VmRunsOn::kBothPaused);
  EXPECT_FALSE(found.finished);
  EXPECT_THAT(found.what_to_do, HasSubstr("migrate-recover"));
}

TEST_F(KilledInPostcopy, OfADestinationThatCannotBeAskedNothingIsSaid) {
  const Recovered found =
      recover(world_.clock, journal_.entries.back(), {&pair_.source, false}, {nullptr, false});
  EXPECT_EQ(found.runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(found.was, HasSubstr("can't be asked"));
  EXPECT_THAT(found.what_to_do, HasSubstr("do not end the source"));
}

/// The source, whose link is dead, has not noticed.
TEST_F(KilledInPostcopy, ADestinationThatIsKnownToHaveEndedIsNotSaidToRunTheGuest) {
  pair_.let_link_die();
  pair_.kill(FakePair::Victim::kDestination);
  const Recovered found = recover_now();
  ASSERT_EQ(pair_.source.status.phase, MigrationPhase::kPostcopyActive);
  EXPECT_EQ(found.runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(found.what_to_do, HasSubstr("lost"));
}

TEST_F(KilledInPostcopy, ADestinationThatHasEndedTakesTheGuestAlong) {
  pair_.kill(FakePair::Victim::kDestination);
  pair_.go_on_alone(Seconds(1));
  const Recovered found = recover_now();
  EXPECT_EQ(found.runs_on, VmRunsOn::kUnknown);
  EXPECT_THAT(found.what_to_do, HasSubstr("lost"));
  EXPECT_EQ(pair_.running_guests(), 0) << "half a guest is never let run";
}

/// Somebody had it on before; it is on for Godwit's migration all the same.
TEST(KilledWithDisks, WhatWaitsBeforeTheSwitchoverIsCancelledWhoeverLetItWait) {
  for (const CapabilitySet& before : {CapabilitySet{}, {Capability::kPauseBeforeSwitchover}}) {
    FakePair::World world;
    FakePair pair(world);
    MemoryJournal journal;
    pair.destination.state = RunState::kInmigrate;
    pair.source.on = before;
    MigrationPlan plan;
    plan.technique = Technique::kPrecopy;
    plan.technique.storage = true;
    plan.parameters.max_bandwidth = 40_MB_per_s;
    Ends ends{pair.source, pair.destination, "tcp:10.0.0.2:4444"};
    ends.journal = &journal;
    control::RunOptions options;
    options.on_progress = [&world](const control::Progress& p) {
      if (p.phase != MigrationPhase::kActive) return;
      world.godwit_is_dead = true;
      throw FakePair::GodwitDied{};
    };
    EXPECT_THROW((void)migrate(world.clock, ends, plan, options, {}), FakePair::GodwitDied);
    world.godwit_is_dead = false;
    pair.go_on_alone(Seconds(60));
    ASSERT_EQ(pair.source.status.phase, MigrationPhase::kPreSwitchover);
    ASSERT_EQ(pair.running_guests(), 0);
    const Recovered found = recover(world.clock, journal.entries.back(), {&pair.source, false},
                                    {&pair.destination, false});
    EXPECT_EQ(found.runs_on, VmRunsOn::kSource) << found.was;
    EXPECT_TRUE(found.finished) << found.what_to_do;
    EXPECT_EQ(pair.running_guests(), 1);
    EXPECT_EQ(pair.source.on, before);
    EXPECT_FALSE(pair.storage_left());
  }
}

}  // namespace
}  // namespace godwit::pair
