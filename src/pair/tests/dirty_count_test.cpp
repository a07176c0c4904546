#include "godwit/control/dirty_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_dirty_vm.h"

namespace godwit::pair {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// A guest that writes 6 MiB again each 0.1 s, and 20 MiB/s besides.
class Count : public testing::Test {
 protected:
  Count() {
    vm.curve = [](Seconds t) {
      return std::min(6_MiB, 60_MiB * Ratio(t.count())) + 20_MiB * Ratio(t.count());
    };
  }
  Result<SourcedCurve> go() {
    return control::count_dirtied(vm.clock, vm, vm.about, options, stop.get_token());
  }
  ErrorCode refused() {
    const auto done = go();
    EXPECT_FALSE(done);
    return done ? ErrorCode::kInternal : done.error().code;
  }

  FakeDirtyVm vm;
  control::CountOptions options;
  std::stop_source stop;
};

TEST_F(Count, IsTheGuestsCurve) {
  const auto counted = go();
  ASSERT_TRUE(counted) << counted.error().message;
  EXPECT_EQ(counted->source, DirtySource::kDirtyBitmap);
  ASSERT_EQ(counted->points.size(), 5U) << "short windows come again";
  for (const DirtyPoint& point : counted->points) {
    const Bytes truth = vm.curve(point.window);
    EXPECT_LE(point.low, truth) << point.window.count();
    EXPECT_GE(point.high, truth) << point.window.count();
    EXPECT_NEAR(point.unique.as_double(), truth.as_double(), 0.04 * truth.as_double());
  }
  EXPECT_EQ(vm.migrations, 0);
  EXPECT_EQ(vm.counted, options.windows);
}

TEST_F(Count, SaysWhatRingsGetWrong) {
  vm.counts_by = DirtySource::kDirtyRing;
  const auto counted = go();
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->source, DirtySource::kDirtyRing);
  EXPECT_THAT(counted->blind_spot, HasSubstr("count again"));
}

TEST_F(Count, GoesByTheTimeThatItTook) {
  vm.counts_longer = Seconds(0.03);
  const auto counted = go();
  ASSERT_TRUE(counted);
  EXPECT_NEAR(counted->points.front().window.count(), 0.08, 1e-9);
}

TEST_F(Count, IsNotOfAnEmulatedGuestOrAQemuThatCannot) {
  vm.about.accelerator = "tcg";
  EXPECT_EQ(refused(), ErrorCode::kUnsupported) << "QEMU would count nothing";
  vm.about.accelerator = "kvm";
  vm.can_count = false;
  EXPECT_EQ(refused(), ErrorCode::kUnsupported);
  EXPECT_EQ(vm.calls, 0) << "it was not even asked";
}

TEST_F(Count, NeverRunsBesideAMigration) {
  vm.status.phase = MigrationPhase::kSetup;
  EXPECT_EQ(refused(), ErrorCode::kBusy);
  EXPECT_THAT(vm.counted, IsEmpty());
  vm.status.phase = MigrationPhase::kCompleted;
  EXPECT_TRUE(go()) << "that one is over";
}

TEST_F(Count, EndsWhenAMigrationBegins) {
  vm.before_call = [this](int) {
    if (vm.counted.size() == 2) vm.status.phase = MigrationPhase::kSetup;
  };
  EXPECT_EQ(refused(), ErrorCode::kBusy);
  EXPECT_EQ(vm.counted.size(), 2U);
}

TEST_F(Count, IsOfAGuestThatRuns) {
  vm.about.state = RunState::kPaused;
  EXPECT_EQ(refused(), ErrorCode::kBadInput);
}

TEST_F(Count, FailsAsItsHypervisorDoes) {
  vm.refuse_count = "the dirty rate is already being measured.";
  EXPECT_EQ(refused(), ErrorCode::kRefused);
  vm.refuse_count.reset();
  vm.counts_longer = Seconds(100);
  EXPECT_EQ(refused(), ErrorCode::kTimeout);
  vm.counts_longer = {};
  vm.die_at_call = vm.calls + 7;
  EXPECT_EQ(refused(), ErrorCode::kPeerGone);
}

TEST_F(Count, CanBeInterrupted) {
  vm.before_call = [this](int) {
    if (vm.counted.size() == 3) stop.request_stop();
  };
  EXPECT_EQ(refused(), ErrorCode::kInterrupted);
}

// --- the profile ---

GuestProfile hashed(Bytes within_a_second) {
  GuestProfile profile;
  profile.ram = 256_MiB;
  profile.blind_spot = "silent stores";
  profile.changed_contents = PageContents();
  for (const double t : {0.5, 1.0}) {
    const Bytes unique = within_a_second * Ratio(t);
    profile.dirty_curve.push_back({Seconds(t), unique, unique, unique});
  }
  return profile;
}

TEST_F(Count, BecomesTheProfilesCurve) {
  const auto counted = go();
  ASSERT_TRUE(counted);
  GuestProfile profile = hashed(2_MiB);
  const auto hashes = profile.dirty_curve;
  control::put_into(profile, *counted);
  EXPECT_EQ(profile.source, DirtySource::kDirtyBitmap);
  EXPECT_EQ(profile.dirty_curve, counted->points);
  ASSERT_EQ(profile.other_curves.size(), 1U);
  EXPECT_EQ(profile.other_curves[0],
            (SourcedCurve{DirtySource::kContentHash, "silent stores", hashes}));
  EXPECT_FALSE(profile.changed_contents) << "they are of a thirteenth of what it writes";
}

TEST_F(Count, OfAQuietMomentIsNoBetterThanWhatHashesSaw) {
  const auto counted = go();
  ASSERT_TRUE(counted);
  GuestProfile profile = hashed(60_MiB);
  const auto hashes = profile.dirty_curve;
  control::put_into(profile, *counted);
  EXPECT_EQ(profile.source, DirtySource::kContentHash);
  EXPECT_EQ(profile.dirty_curve, hashes);
  ASSERT_EQ(profile.other_curves.size(), 1U);
  EXPECT_EQ(profile.other_curves[0], *counted);
  EXPECT_TRUE(profile.changed_contents);
}

}  // namespace
}  // namespace godwit::pair
