// What people read: tables, the bar, values as text.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "godwit/terminal/live_text.h"
#include "godwit/terminal/progress_bar.h"
#include "godwit/terminal/render.h"
#include "godwit/terminal/table.h"

namespace godwit::terminal {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Table, AlignsByCharactersNotBytes) {
  Table table({"name", "value"});
  table.add({"ä", "1 s"});
  table.add({"long name", "–"});
  EXPECT_EQ(table.text(),
            "  name       value\n"
            "  ─────────  ─────\n"
            "  ä            1 s\n"
            "  long name      –");
}

TEST(LiveText, IsDrawnOverItselfAndTakenAway) {
  char* written = nullptr;
  std::size_t size = 0;
  std::FILE* const stream = open_memstream(&written, &size);
  {
    LiveText live(stream);
    live.draw("a\nb");
    live.draw("c");
    live.clear();
    live.clear();
  }
  std::fclose(stream);
  const std::string text(written, size);
  std::free(written);
  const std::string below = "\x1b[J";
  const std::string keep = "\x1b[?7l";
  const std::string wrap = "\x1b[?7h";
  EXPECT_EQ(text, below + keep + "a\nb\n" + wrap + "\x1b[2F" + below + keep + "c\n" + wrap +
                      "\x1b[1F" + below);
}

TEST(LiveText, WithoutATerminalDrawsNothing) {
  LiveText live(nullptr);
  EXPECT_FALSE(live.visible());
  live.draw("a");
  live.clear();
}

TEST(ProgressBar, ShowsShareTimeLeftAndNote) {
  const std::string line = bar_line(0.5, Seconds(2.1), "round 2", "active");
  EXPECT_THAT(line, HasSubstr(" 50 %"));
  EXPECT_THAT(line, HasSubstr("2.10 s left"));
  EXPECT_THAT(line, HasSubstr("active"));
}

RC_GTEST_PROP(ProgressBar, IsAsLongWhateverTheShare, (double share)) {
  RC_ASSERT(width_of(bar_line(share, {}, "x", "")) == width_of(bar_line(0, {}, "x", "")));
}

TechniquePrediction converging() {
  TechniquePrediction p;
  p.technique = Technique::kPrecopy;
  p.converges = true;
  p.total_time = Interval<Seconds>{Seconds(4), Seconds(3.8), Seconds(4.4)};
  p.transferred = Interval<Bytes>{100_MiB, 90_MiB, 110_MiB};
  p.downtime.qemu = Interval<Seconds>{Seconds(0.1), Seconds(0.08), Seconds(0.2)};
  return p;
}

TEST(Render, APredictionThatDoesNotConvergeSaysWhyInsteadOfNumbers) {
  Prediction prediction;
  prediction.predictions = {converging(), TechniquePrediction{}};
  prediction.predictions[1].technique = Technique::kXbzrle;
  prediction.predictions[1].why = "the guest dirties more than the link carries";
  const std::string text = prediction_text(prediction);
  EXPECT_THAT(text, HasSubstr("4.00 s"));
  EXPECT_THAT(text, HasSubstr("xbzrle: the guest dirties more"));
  EXPECT_THAT(text, Not(HasSubstr(" 0 ms")));
}

TEST(Render, ComparisonShowsErrorsAndKeepsAbsentMeasurementsAbsent) {
  Prediction prediction;
  prediction.predictions = {converging()};
  MigrationOutcome outcome;
  outcome.technique = Technique::kPrecopy;
  outcome.total_time = Seconds(5);
  outcome.downtime.qemu = Seconds(0.15);
  const std::string text = comparison_text(prediction, outcome);
  EXPECT_THAT(text, HasSubstr("-20.0 %"));
  EXPECT_THAT(text, HasSubstr("-50 ms"));
  EXPECT_THAT(text, Not(HasSubstr("outage"))) << "neither predicted nor measured";
}

TEST(Render, DisksThatMovedAreNamedWithWhatTheyTook) {
  TechniquePrediction with_disks = converging();
  with_disks.technique.storage = true;
  EXPECT_THAT(prediction_text({{with_disks}, {}}), HasSubstr("precopy+storage"));
  MigrationOutcome outcome;
  EXPECT_THAT(outcome_text(outcome), Not(HasSubstr("disks")));
  outcome.technique.storage = true;
  outcome.storage = StorageOutcome{2, 256_MiB, Seconds(6.5), Seconds(0.02)};
  const std::string text = outcome_text(outcome);
  EXPECT_THAT(text, HasSubstr("precopy+storage: "));
  EXPECT_THAT(text, HasSubstr("disks: 2, 256 MiB mirrored, ready after 6.50 s, whole 20 ms after"));
  outcome.storage = StorageOutcome{1, 1_MiB, {}, {}};
  EXPECT_THAT(outcome_text(outcome), Not(HasSubstr("ready")));
}

TEST(Render, AShareOfTheDisksIsToldWithItsTimesAndCompared) {
  TechniquePrediction p = converging();
  p.technique.storage = true;
  const Interval<Seconds> ready{Seconds(12), Seconds(11), Seconds(13)};
  const Interval<Seconds> rest{Seconds(40), Seconds(38), Seconds(44)};
  p.storage = StoragePrediction{Ratio(0.25), ready, ready, rest, rest, {}};
  p.agility = Interval<Ratio>{Ratio(0.9), Ratio(0.8), Ratio(0.95)};
  p.parameters.precopy_storage = Ratio(0.25);
  const std::string text = prediction_text({{p}, {}});
  EXPECT_THAT(text, HasSubstr("25 % of the disks beforehand, memory's turn after 12.0 s"));
  EXPECT_THAT(text, HasSubstr("independent of the source 40.0 s (38.0 s … 44.0 s) later"));
  EXPECT_THAT(text, HasSubstr("agility 0.90 (0.80 … 0.95)"));
  MigrationOutcome outcome;
  outcome.technique = p.technique;
  outcome.storage.emplace().independent_after = Seconds(50);
  EXPECT_THAT(comparison_text({{p}, {}}, outcome), HasSubstr("-20.0 %"));
}

TEST(Render, AGuestThatStoodIdleIsSaidToHaveNoWorkToLose) {
  GuestProfile profile;
  profile.ram = 256_MiB;
  profile.sampled_pages = PageCount(11407);
  profile.vcpu_use = 0.008;
  EXPECT_THAT(profile_text(profile), HasSubstr("no work to lose"));
  profile.dirty_curve = {{Seconds(8), 23_KiB, 6_KiB, 92_KiB}};
  EXPECT_THAT(profile_text(profile), HasSubstr("no work to lose")) << "its clock's page";
  profile.dirty_curve = {{Seconds(8), 165_KiB, 94_KiB, 288_KiB}};
  EXPECT_THAT(profile_text(profile), Not(HasSubstr("no work to lose"))) << "it wrote";
  profile.dirty_curve.clear();
  profile.vcpu_use = 0.05;
  EXPECT_THAT(profile_text(profile), Not(HasSubstr("no work to lose")));
  profile.vcpu_use.reset();
  EXPECT_THAT(profile_text(profile), Not(HasSubstr("no work to lose")));
}

TEST(Render, DisksOfAProfileAreToldAndWhatCouldNotBeSeen) {
  GuestProfile profile;
  profile.disks = {{"virtio0", 256_MiB, 128_MiB, DiskWrites{64_KiB, Seconds(8), {{100, 1}}}},
                   {"virtio1", 256_MiB, {}, DiskWrites{64_KiB, Seconds(8), {}}},
                   {"virtio2", 256_MiB, {}, {}}};
  const std::string text = profile_text(profile);
  EXPECT_THAT(text, HasSubstr("virtio0: 256 MiB, 128 MiB allocated; 100 chunks of 64.0 KiB"));
  EXPECT_THAT(text, HasSubstr("nothing written within 8.00 s"));
  EXPECT_THAT(text,
              HasSubstr("virtio2: 256 MiB, – allocated; how it is written could not be seen"));
}

TEST(Render, WhatHasNoGroundIsNoNo) {
  TechniquePrediction unknown;
  unknown.technique = {.streams = Streams::kMultifd, .ending = Ending::kPostcopyAtOnce};
  unknown.grounded = false;
  unknown.why = "nobody measured it";
  const std::string text = prediction_text({{unknown}, {}});
  EXPECT_THAT(text, HasSubstr("multifd+postcopy: nobody measured it"));
  EXPECT_THAT(text, Not(HasSubstr(" no\n")));
}

TEST(Render, AnOutcomeAlwaysSaysWhereTheVmRunsAndHowTheGuestIs) {
  MigrationOutcome outcome;
  outcome.status = OutcomeStatus::kCompleted;
  outcome.vm_runs_on = VmRunsOn::kDestination;
  EXPECT_THAT(outcome_text(outcome), HasSubstr("runs on: destination"));
  EXPECT_THAT(outcome_text(outcome), HasSubstr("guest not examined"));
  outcome.guest.alive = true;
  EXPECT_THAT(outcome_text(outcome), HasSubstr("guest alive on the destination"));
  outcome.guest.alive = false;
  EXPECT_THAT(outcome_text(outcome), HasSubstr("GUEST NOT WELL"));
}

}  // namespace
}  // namespace godwit::terminal
