
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "drive.h"
#include "fake_dirty_vm.h"
#include "godwit/pair/recovery.h"
#include "memory_journal.h"
#include "sanitized.h"

namespace godwit::pair {
namespace {

using control::MemoryJournal;

using testing::HasSubstr;

/// A writer that picks pages of its working set at random.
std::function<Bytes(Seconds)> uniform(Bytes set, BytesPerSecond rate) {
  return [=](Seconds t) {
    return set * Ratio(-std::expm1(-rate.value() * t.count() / set.as_double()));
  };
}

class Rehearse : public testing::Test {
 protected:
  Rehearse() {
    vm.curve = uniform(64_MiB, 20_MB_per_s);
    vm.on = {Capability::kXbzrle};
    before = {vm.on, vm.set};
  }
  Result<control::Rehearsal> go() {
    return rehearse(vm.clock, vm, options, stop.get_token(), {"qmp:/vm", 7}, &journal);
  }
  Error refused() {
    const auto done = go();
    EXPECT_FALSE(done);
    return done ? Error{} : done.error();
  }
  /// What the next run, or godwit recover, does.
  Recovered tidy() {
    return recover(vm.clock, journal.entries.back(), {&vm, false}, {nullptr, true});
  }
  void expect_as_before() {
    EXPECT_EQ(vm.about.state, RunState::kRunning);
    EXPECT_EQ(vm.on, before.on);
    EXPECT_EQ(vm.set, before.parameters);
    EXPECT_TRUE(vm.status.phase == MigrationPhase::kNone || is_final(vm.status.phase));
  }
  void expect_untouched() {
    EXPECT_EQ(vm.migrations, 0);
    expect_as_before();
  }

  FakeDirtyVm vm;
  MigrationSettings before;
  MemoryJournal journal;
  control::RehearsalOptions options;
  std::stop_source stop;
};

TEST_F(Rehearse, CountsWhatTheGuestDirtiesWithinWindowsAboutAsLongAsWanted) {
  const auto done = go();
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_GE(done->points.size(), 3u);
  for (const DirtyPoint& point : done->points) {
    const double truth = vm.curve(point.window).as_double();
    EXPECT_NEAR(point.unique.as_double(), truth, 0.03 * truth + 4096) << point.window.count();
    EXPECT_LE(point.low, point.unique);
    EXPECT_GE(point.high, point.unique);
  }
  EXPECT_NEAR(done->points.front().window.count(), 0.125, 0.1);
  EXPECT_NEAR(done->points.back().window.count(), 1, 0.2);
  EXPECT_FALSE(done->ended_early);
  EXPECT_LT(done->took.count(), 4);
  EXPECT_EQ(vm.stops, 0) << "the sink never says that it is ready";
  EXPECT_EQ(done->longest_stop, Seconds(0));
  expect_as_before();
}

TEST_F(Rehearse, IsJournalledWithWhatWasLentAndThenDone) {
  ASSERT_TRUE(go());
  ASSERT_EQ(journal.entries.size(), 2u);
  EXPECT_EQ(journal.entries.front().step, "rehearsing");
  EXPECT_EQ(journal.entries.front().destination, kRehearsalName);
  EXPECT_EQ(journal.entries.front().source_lease->before.on, before.on);
  EXPECT_EQ(journal.entries.back().step, "done");
}

TEST_F(Rehearse, AGuestThatDirtiesEverythingIsMeasuredToo) {
  vm.curve = [](Seconds) { return Bytes(FakeDirtyVm::kRamPages * FakeDirtyVm::kPage); };
  const auto done = go();
  ASSERT_TRUE(done) << done.error().message;
  for (const DirtyPoint& point : done->points) EXPECT_EQ(point.unique, 256_MiB);
  expect_as_before();
}

TEST_F(Rehearse, PagesOfZerosAreMeasuredToo) {
  vm.bytes_per_page = 9;
  const auto done = go();
  ASSERT_TRUE(done) << done.error().message;
  for (const DirtyPoint& point : done->points) {
    const double truth = vm.curve(point.window).as_double();
    EXPECT_NEAR(point.unique.as_double(), truth, 0.05 * truth + 8192) << point.window.count();
  }
  expect_as_before();
}

TEST_F(Rehearse, PagesThatBecomeDearerDoNotMakeAPassEndless) {
  vm.before_call = [this](int) {
    vm.bytes_per_page = vm.status.dirty_sync_count.value_or(0) < 4 ? 9 : FakeDirtyVm::kPage + 8;
  };
  vm.bytes_per_page = 9;
  const auto done = go();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_LT(done->took.count(), 8);
  expect_as_before();
}

TEST_F(Rehearse, AnIdleGuestIsNeverStoppedAndTheEndIsExplained) {
  vm.curve = [](Seconds) { return 8_KiB; };
  const auto done = go();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->ended_early.value_or(""), HasSubstr("so little"));
  for (const DirtyPoint& point : done->points) EXPECT_EQ(point.unique, 8_KiB);
  EXPECT_EQ(vm.stops, 0);
  EXPECT_LT(done->took.count(), 8);
  expect_as_before();
}

TEST_F(Rehearse, WithoutSwitchoverAckAnIdleGuestStopsForMillisecondsAndRunsOn) {
  vm.about.can.erase(Capability::kSwitchoverAck);
  vm.curve = [](Seconds) { return 8_KiB; };
  const auto done = go();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(vm.stops, 1);
  EXPECT_GT(done->longest_stop, Seconds(0));
  EXPECT_LT(done->longest_stop.count(), 0.1);
  EXPECT_TRUE(done->ended_early);
  EXPECT_EQ(done->points.size(), 1u) << "its first pass";
  expect_as_before();
}

TEST_F(Rehearse, AGuestThatStaysStoppedAfterTheCancelIsLetRunOn) {
  vm.about.can.erase(Capability::kSwitchoverAck);
  vm.curve = [](Seconds) { return Bytes(0); };
  vm.stays_stopped = true;
  (void)go();
  EXPECT_EQ(vm.stops, 1);
  expect_as_before();
}

TEST_F(Rehearse, DoesWithoutAvailSwitchoverBandwidthWhereThereIsNone) {
  vm.set.avail_switchover_bandwidth.reset();
  before.parameters = vm.set;
  EXPECT_TRUE(go());
  expect_as_before();
}

// --- never started ---

TEST_F(Rehearse, NeverStartsWhereItMustNot) {
  vm.about.accelerator = "tcg";
  vm.about.version_major = 8;
  EXPECT_EQ(refused().code, ErrorCode::kUnsupported);
  vm.about.accelerator = "kvm";
  vm.status.phase = MigrationPhase::kSetup;
  EXPECT_EQ(refused().code, ErrorCode::kBusy);
  vm.status.phase = MigrationPhase::kCancelled;
  vm.about.can.erase(Capability::kPauseBeforeSwitchover);
  EXPECT_EQ(refused().code, ErrorCode::kUnsupported);
  vm.about.can.insert(Capability::kPauseBeforeSwitchover);
  for (const RunState state : {RunState::kPaused, RunState::kPostmigrate, RunState::kInmigrate}) {
    vm.about.state = state;
    EXPECT_EQ(refused().code, ErrorCode::kBadInput);
  }
  vm.about.state = RunState::kRunning;
  for (const auto& windows : std::vector<std::vector<Seconds>>{
           {}, {Seconds(0.01)}, {Seconds(1), Seconds(0.5)}, {Seconds(100)}}) {
    options.windows = windows;
    EXPECT_EQ(refused().code, ErrorCode::kBadInput);
  }
  EXPECT_TRUE(journal.entries.empty()) << "an earlier run's entry is not ended by a refusal";
  expect_untouched();
}

TEST_F(Rehearse, AStopRequestBeforehandLeavesTheVmUntouched) {
  stop.request_stop();
  EXPECT_EQ(refused().code, ErrorCode::kInterrupted);
  expect_untouched();
}

TEST_F(Rehearse, ARefusedSinkIsUnsupportedAndSaysWhatToDo) {
  vm.refuse_migrate = "Migration is disabled by a device";
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("disabled by a device"));
  EXPECT_EQ(error.what_to_do,
            (Remedy{"profile it without ", Setting::kRehearse, "; it runs on as before"}));
  EXPECT_EQ(journal.entries.back().step, "done");
  expect_untouched();
}

// --- ended in the middle ---

TEST_F(Rehearse, AStopRequestMidwayCancelsAndTheGuestRunsOn) {
  vm.before_call = [this](int call) {
    if (call == 60) stop.request_stop();
  };
  EXPECT_EQ(refused().code, ErrorCode::kInterrupted);
  EXPECT_EQ(vm.migrations, 1);
  EXPECT_EQ(vm.status.phase, MigrationPhase::kCancelled);
  expect_as_before();
}

TEST_F(Rehearse, WhatWasMeasuredByTheDeadlineCounts) {
  options.deadline = Seconds(1);
  const auto done = go();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->ended_early.value_or(""), HasSubstr("deadline"));
  expect_as_before();
  options.deadline = Seconds(0.15);
  EXPECT_EQ(refused().code, ErrorCode::kTimeout);
  expect_as_before();
}

TEST_F(Rehearse, QemuGivesUpByItself) {
  vm.fails_after = Seconds(0.12);
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::kRefused);
  EXPECT_THAT(error.message, HasSubstr("the channel broke"));
  expect_as_before();
}

TEST_F(Rehearse, AGuestThatSomebodyPausesStaysPausedAndThatIsSaid) {
  vm.paused_after = Seconds(0.5);
  const Error error = refused();
  EXPECT_THAT(error.message, HasSubstr("paused"));
  EXPECT_THAT(error.what_to_do, HasSubstr("somebody paused it"));
  EXPECT_EQ(vm.about.state, RunState::kPaused);
  EXPECT_EQ(vm.set, before.parameters);
  EXPECT_EQ(vm.on, before.on);
}

TEST_F(Rehearse, ACancelThatDoesNotTakeIsGivenAgain) {
  vm.ignored_cancels = 3;
  ASSERT_TRUE(go());
  expect_as_before();
}

TEST_F(Rehearse, ACancelThatNeverTakesIsSaidAndStaysInTheJournal) {
  vm.ignored_cancels = 1'000'000;
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::kTimeout);
  EXPECT_THAT(error.message, HasSubstr("could not be cancelled"));
  EXPECT_NE(vm.set, before.parameters) << "with its old speed it would go on";
  EXPECT_THAT(error.what_to_do, HasSubstr("godwit recover"));
  EXPECT_EQ(vm.about.state, RunState::kRunning);
  EXPECT_EQ(journal.entries.back().step, "left");
  EXPECT_EQ(journal.entries.back().source_lease->before.on, before.on);
}

TEST_F(Rehearse, DeathAtAnyCallIsNoticed) {
  ASSERT_TRUE(go());
  const int calls = vm.calls;
  for (int call = 0; call < calls; call += kEachCall) {
    FakeDirtyVm mortal;
    mortal.curve = vm.curve;
    mortal.die_at_call = call;
    const auto done = rehearse(mortal.clock, mortal, options, stop.get_token());
    if (done) {
      EXPECT_GE(call, calls - 3) << "only giving back was left to do";
      continue;
    }
    EXPECT_EQ(done.error().code, ErrorCode::kPeerGone) << call;
  }
}

TEST_F(Rehearse, ALostAnswerAtAnyCallLosesNeitherGuestNorSettings) {
  ASSERT_TRUE(go());
  const int calls = vm.calls;
  for (int call = 0; call < calls; call += kEachCall) {
    FakeDirtyVm deaf;
    deaf.curve = vm.curve;
    deaf.on = before.on;
    deaf.lose_answer_of_call = call;
    const auto done = rehearse(deaf.clock, deaf, options, stop.get_token());
    EXPECT_EQ(deaf.about.state, RunState::kRunning) << call;
    EXPECT_EQ(deaf.on, before.on) << call;
    EXPECT_EQ(deaf.set, before.parameters) << call;
    EXPECT_TRUE(deaf.status.phase == MigrationPhase::kNone || is_final(deaf.status.phase)) << call;
    if (!done) {
      EXPECT_FALSE(done.error().message.empty());
    }
  }
}

TEST_F(Rehearse, ASilentMonitorIsGivenUpAndTheErrorSaysHowItEnds) {
  vm.silent_from_call = 40;
  const Error error = refused();
  EXPECT_EQ(error.code, ErrorCode::kTimeout);
  EXPECT_THAT(error.what_to_do, HasSubstr("no reader"));
  EXPECT_EQ(journal.entries.back().step, "left");
  EXPECT_EQ(vm.about.state, RunState::kRunning);
}

// --- what a killed run leaves ---

TEST_F(Rehearse, TheSettingsOfAKilledRunAreGivenBackByTheNext) {
  vm.silent_from_call = 40;  // as good as killed: nothing is given back
  (void)refused();
  vm.silent_from_call = -1;
  vm.fails_after = Seconds(0);  // QEMU's own end of it, when its stream has no reader
  const Recovered tidied = tidy();
  EXPECT_TRUE(tidied.finished) << tidied.what_to_do;
  EXPECT_EQ(tidied.runs_on, VmRunsOn::kSource);
  EXPECT_FALSE(tidied.given_back.empty());
  expect_as_before();
}

TEST_F(Rehearse, AKilledRunThatWaitsBeforeTheSwitchoverIsCancelledByTheNext) {
  vm.about.can.erase(Capability::kSwitchoverAck);
  vm.curve = [](Seconds) { return Bytes(0); };
  vm.before_call = [this](int call) {
    if (vm.stops > 0 && vm.silent_from_call < 0) vm.silent_from_call = call;
  };
  (void)refused();
  EXPECT_EQ(vm.about.state, RunState::kFinishMigrate);
  vm.before_call = {};
  vm.silent_from_call = -1;
  const Recovered tidied = tidy();
  EXPECT_TRUE(tidied.finished) << tidied.what_to_do;
  EXPECT_EQ(tidied.runs_on, VmRunsOn::kSource);
  EXPECT_FALSE(tidied.given_back.empty());
  expect_as_before();
}

TEST_F(Rehearse, SettingsThatNoRehearsalMadeAreLeftAlone) {
  ASSERT_TRUE(go());
  journal.entries.pop_back();  // as if it had been killed just before its "done"
  vm.set.max_bandwidth = 7_MB_per_s;
  const Recovered tidied = tidy();
  EXPECT_TRUE(tidied.finished) << tidied.what_to_do;
  EXPECT_TRUE(tidied.given_back.empty());
  EXPECT_EQ(vm.set.max_bandwidth, 7_MB_per_s);
}

// --- the profile ---

TEST_F(Rehearse, ItsCurveBecomesTheProfilesAndTheOtherIsKept) {
  const auto done = go();
  ASSERT_TRUE(done);
  GuestProfile profile;
  profile.ram = 256_MiB;
  profile.blind_spot = "silent stores";
  profile.dirty_curve = {{Seconds(1), 1_MiB, 1_MiB, 1_MiB}};
  const auto hashes = profile.dirty_curve;
  control::put_into(profile, *done);
  EXPECT_EQ(profile.source, DirtySource::kRehearsal);
  EXPECT_EQ(profile.dirty_curve, done->points);
  EXPECT_THAT(profile.blind_spot, HasSubstr("slower"));
  ASSERT_EQ(profile.other_curves.size(), 1u);
  EXPECT_EQ(profile.other_curves[0].source, DirtySource::kContentHash);
  EXPECT_EQ(profile.other_curves[0].points, hashes);
  EXPECT_EQ(profile.other_curves[0].blind_spot, "silent stores");
}

}  // namespace
}  // namespace godwit::pair
