// The simulated migration itself, step by step.

#include "godwit/twin/migration.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "guests.h"

namespace godwit::twin {
namespace {

using model::testing::guest;
using model::testing::uniform;

/// A guest of `data` that rewrites `set` at random, over 50 MB/s with a limit of 300 ms.
struct Rig {
  Rig(Bytes data, Bytes set, BytesPerSecond rate)
      : profile(guest(data * 2, data, uniform(set, rate))),
        curve(*model::DirtyCurve::from_profile(profile)) {
    sending.rate = sending.switch_rate = sending.postcopy_rate = 50e6;
    sending.limit = 0.3;
    sending.window = 0.1;
    course.growth = &curve.likely();
  }
  [[nodiscard]] Migration migration() const { return {*guest_of(profile), sending, course}; }
  GuestProfile profile;
  model::DirtyCurve curve;
  Sending sending;
  Course course;
};

Rig any_rig() {
  const auto data = 1_MiB * *rc::gen::inRange<std::int64_t>(8, 2000);
  return {data, data * Ratio(*rc::gen::inRange(1, 101) / 100.0),
          BytesPerSecond(*rc::gen::inRange(0, 60) * 1e6)};
}

/// Until it is over, or a few passes on where it never is.
void run_out(Migration& migration) {
  for (int i = 0; i < 12 && migration.progress().stage != Stage::kCompleted; ++i) migration.run();
}

TEST(TwinMigration, GoesThroughItsStages) {
  const Rig rig(200_MB, 64_MiB, 10_MB_per_s);
  Migration migration = rig.migration();
  const Progress& now = migration.progress();
  EXPECT_EQ(now.stage, Stage::kPasses);
  EXPECT_NEAR(now.left, 200e6, 1);
  EXPECT_TRUE(migration.run());
  EXPECT_EQ(now.passes, 1);
  // 300 ms fit: 15 MB of RAM, of which the last 8 MiB are taken to be data, and half of the rest;
  // half a window's worth less is left; and there are marks for 200 MB of zeros
  EXPECT_NEAR(now.step_stream, 200e6 - (11.7e6 - 2.5e6) + 0.44e6, 0.2e6);
  while (now.stage == Stage::kPasses) migration.run();
  EXPECT_EQ(now.stage, Stage::kSwitchover);
  EXPECT_LT(now.left, migration.threshold());
  const double left = now.left;
  EXPECT_TRUE(migration.run());
  EXPECT_EQ(now.stage, Stage::kCompleted);
  EXPECT_NEAR(now.step_seconds, left / 50e6, 1e-9);
  EXPECT_FALSE(migration.run()) << "it is over";
}

TEST(TwinMigration, TimePassesAsLongAsItIsTold) {
  const Rig rig(200_MB, 64_MiB, 10_MB_per_s);
  Migration migration = rig.migration();
  EXPECT_FALSE(migration.run(1.5));
  EXPECT_DOUBLE_EQ(migration.progress().seconds, 1.5);
  EXPECT_NEAR(migration.progress().stream, 75e6, 1e6);
}

TEST(TwinMigration, PostcopyBeginsInTheMiddleOfAPass) {
  const Rig rig(200_MB, 64_MiB, 10_MB_per_s);
  Migration migration = rig.migration();
  migration.run(2);
  const double sent = migration.progress().stream;
  migration.start_postcopy();
  EXPECT_EQ(migration.progress().stage, Stage::kPostcopy);
  // half of it is left, and half of what was written in two seconds
  EXPECT_NEAR(migration.progress().left, 100e6 + 0.5 * 17.3e6, 3e6);
  EXPECT_TRUE(migration.run());
  EXPECT_EQ(migration.progress().stage, Stage::kCompleted);
  EXPECT_NEAR(migration.progress().stream, sent + 108.6e6, 3e6);
}

TEST(TwinMigration, PostcopyMayBeginBetweenPassesAndLater) {
  const Rig rig(200_MB, 150_MB, 100_MB_per_s);
  Migration migration = rig.migration();
  migration.run();
  const double left = migration.progress().left;
  Migration later = migration;
  migration.start_postcopy();
  EXPECT_DOUBLE_EQ(migration.progress().left, left);
  later.run(0.5);
  later.start_postcopy();
  EXPECT_LT(later.progress().left, left + 50e6);
  EXPECT_GT(later.progress().left, left - 25e6 - 1);
}

RC_GTEST_PROP(TwinMigrationProperty, BytesAreTheSumOfTheSteps, ()) {
  const Rig rig = any_rig();
  Migration migration = rig.migration();
  const Progress& now = migration.progress();
  double stream = 0;
  double seconds = 0;
  for (int i = 0; i < 12 && now.stage != Stage::kCompleted; ++i) {
    migration.run();
    stream += now.step_stream;
    seconds += now.step_seconds;
  }
  RC_ASSERT(std::abs(stream - now.stream) <= 1e-6 * stream + 1);
  RC_ASSERT(std::abs(seconds - now.seconds) <= 1e-6 * seconds + 1e-9);
}

RC_GTEST_PROP(TwinMigrationProperty, SlicesOfTimeMakeNoDifference, ()) {
  const Rig rig = any_rig();
  Migration whole = rig.migration();
  Migration sliced = rig.migration();
  const double slice = *rc::gen::inRange(1, 500) / 100.0;
  for (int i = 0; i < 3 && whole.progress().stage != Stage::kCompleted; ++i) {
    whole.run();
    while (!sliced.run(slice)) {
    }
    const auto close = [](double a, double b) { return std::abs(a - b) <= 1e-6 * (a + b) + 1e-6; };
    RC_ASSERT(close(whole.progress().seconds, sliced.progress().seconds));
    RC_ASSERT(close(whole.progress().stream, sliced.progress().stream));
    RC_ASSERT(close(whole.progress().left, sliced.progress().left));
  }
}

RC_GTEST_PROP(TwinMigrationProperty, PostcopySendsEachPageAtMostOnce, ()) {
  const Rig rig = any_rig();
  Migration migration = rig.migration();
  migration.run(*rc::gen::inRange(0, 2000) / 100.0);
  if (migration.progress().stage == Stage::kCompleted) return;
  const double before = migration.progress().stream;
  migration.start_postcopy();
  const double left = migration.progress().left;
  RC_ASSERT(left <= rig.profile.ram.as_double());
  run_out(migration);
  RC_ASSERT(migration.progress().stage == Stage::kCompleted);
  const double marks = rig.profile.ram.as_double() / 4096 * 9;
  RC_ASSERT(migration.progress().stream - before <= left + marks + 1);
}

}  // namespace
}  // namespace godwit::twin
