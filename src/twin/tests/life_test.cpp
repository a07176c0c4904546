#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "bursts.h"
#include "godwit/twin/session.h"

namespace godwit::twin {
namespace {

using model::Life;

TEST(Life, WritesNoLessInALongerTimeAndKnowsTheAgeOfWhatItWrote) {
  const auto phases = phases_of(profile_of({}, 16, 1));
  ASSERT_TRUE(phases);
  Life life(*phases, 0, 7);
  double before = 0;
  for (double to = 3; to < 12; to += 0.1) {
    const double written = life.written(3, to);
    EXPECT_GE(written, before - 1);
    before = written;
  }
  const double age = life.age(12, before / 2);
  EXPECT_NEAR(life.written(12 - age, 12), before / 2, before * 0.02);
  Life again(*phases, 0, 7);
  EXPECT_DOUBLE_EQ(again.written(3, 9), life.written(3, 9));
}

/// What was dirtied a second in each pass of a migration that does not end by itself.
std::vector<double> rates_in(std::uint64_t life) {
  ManualClock clock;
  const GuestProfile profile = profile_of({}, 16, 1);
  SessionOptions options;
  options.chance.life = life;
  auto session = Session::make(clock, profile, Link{BytesPerSecond(16e6), {}}, options);
  EXPECT_TRUE(session) << session.error().message;
  MigrationPlan plan;
  plan.parameters.downtime_limit = Seconds(0.001);
  EXPECT_TRUE((*session)->prepare(plan));
  EXPECT_TRUE((*session)->start());
  std::vector<double> rates;
  while (clock.now() < TimePoint{} + Seconds(60)) {
    for (const PassSync& sync : (*session)->watch(clock.now() + Seconds(0.1))) {
      if (sync.status.dirty_rate) rates.push_back(sync.status.dirty_rate->value());
    }
  }
  return rates;
}

TEST(Life, IsLivedInASessionToo) {
  const std::vector<double> once = rates_in(7);
  EXPECT_EQ(once, rates_in(7));
  EXPECT_NE(once, rates_in(8)) << "another life";
  const auto [least, most] = std::minmax_element(once.begin(), once.end());
  ASSERT_NE(least, once.end());
  EXPECT_GT(*most, 3 * *least) << "it writes in bursts";
}

}  // namespace
}  // namespace godwit::twin
