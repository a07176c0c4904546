// The law `godwit` on a guest that writes in bursts, whole migrations of the twin: what it orders
// where it sees the phases, and where it only has their mean.

#include <gtest/gtest.h>

#include <algorithm>

#include "bursts.h"
#include "godwit/base/clock.h"
#include "godwit/control/migration_run.h"
#include "godwit/steer/laws.h"
#include "godwit/twin/session.h"

namespace godwit::bench {
namespace {

/// By a law that knows the guest as `known`, of one that lives as `lives` says.
MigrationOutcome steered(const GuestProfile& known, const GuestProfile& lives, std::uint64_t life) {
  const Link link{10_MB_per_s, {}};
  ManualClock clock;
  twin::SessionOptions options;
  options.chance.life = life;
  const auto session = twin::Session::make(clock, lives, link, options).value();
  const auto law = steer::law_by_name(steer::kOwnLaw, {&known, link, {}}).value();
  MigrationPlan plan;
  plan.intent.max_downtime = Seconds(0.5);
  plan.intent.max_time = plan.max_time = Seconds(60);
  plan.intent.no_postcopy = true;
  plan.parameters.max_bandwidth = link.rate;
  law->shape(plan);
  return control::run_migration(clock, *session, plan, *law, {}, {}, {}).value();
}

bool was_slowed_down(const MigrationOutcome& outcome) {
  return std::any_of(outcome.orders.begin(), outcome.orders.end(),
                     [](const AppliedOrder& one) { return one.order.cpu_quota.has_value(); });
}

TEST(PhasedGuest, IsNeitherSlowedDownNorGivenUpWhereAQuietMomentIsToCome) {
  const twin::Bursts guest{2'000, 12'000, 1.5, 1};
  const GuestProfile seen = twin::profile_of(guest, 8, 1);
  GuestProfile blind = seen;
  blind.write_trace.reset();
  constexpr int kLives = 20;
  int slowed_down = 0;
  int disturbed = 0;
  for (std::uint64_t life = 1; life <= kLives; ++life) {
    const MigrationOutcome outcome = steered(seen, seen, life);
    EXPECT_EQ(outcome.status, OutcomeStatus::kCompleted) << outcome.reason;
    slowed_down += was_slowed_down(outcome) ? 1 : 0;
    EXPECT_LE(outcome.downtime.events.value_or(Seconds(1)), Seconds(0.5));
    const MigrationOutcome by_mean = steered(blind, seen, life);
    if (was_slowed_down(by_mean) || by_mean.status != OutcomeStatus::kCompleted) ++disturbed;
  }
  EXPECT_LE(slowed_down, kLives / 10) << "chance may lose sight of it";
  EXPECT_GE(disturbed, kLives / 2) << "no need to see the phases";
}

/// No pause is long enough for what a burst leaves.
TEST(PhasedGuest, IsNotWaitedForWhereNoQuietMomentIsLongEnough) {
  const twin::Bursts guest{10'000, 40'000, 1.5, 0.5};
  const GuestProfile seen = twin::profile_of(guest, 8, 1);
  const MigrationOutcome outcome = steered(seen, seen, 1);
  EXPECT_TRUE(was_slowed_down(outcome) || outcome.status != OutcomeStatus::kCompleted);
}

}  // namespace
}  // namespace godwit::bench
