// Whatever breaks on the way, the guest never runs twice and the outcome says where it is.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "simulated.h"

namespace godwit::control {
namespace {

using testing::HasSubstr;
using twin::Mishap;

void expect_true(const MigrationOutcome& outcome, const twin::Session& session,
                 const std::string& what) {
  const int running = session.running_guests();
  EXPECT_LE(running, 1) << what;
  switch (outcome.vm_runs_on) {
    case VmRunsOn::kSource:
      EXPECT_TRUE(session.source_lives()) << what;
      break;
    case VmRunsOn::kDestination:
      EXPECT_TRUE(session.destination_lives()) << what;
      break;
    case VmRunsOn::kBothPaused:
      EXPECT_EQ(running, 0) << what;
      break;
    case VmRunsOn::kUnknown:
      EXPECT_NE(outcome.status, OutcomeStatus::kCompleted) << what;
      break;
  }
  if (outcome.status != OutcomeStatus::kCompleted) {
    EXPECT_FALSE(outcome.reason.empty()) << what;
  }
}

TEST(FaultSweepOnTheTwin, AMishapAtAnyTimeOfAnyTechnique) {
  int runs = 0;
  for (const Technique technique :
       {Technique::kPrecopy, Technique::kAutoConverge, Technique::kXbzrle, Technique::kMultifd,
        Technique::kPostcopy, Technique::kHybrid, Technique::kStopAndCopy,
        parse_technique("multifd+auto-converge+hybrid").value()}) {
    for (const auto kind :
         {Mishap::Kind::kLinkCut, Mishap::Kind::kLinkDead, Mishap::Kind::kSourceDies,
          Mishap::Kind::kDestinationDies, Mishap::Kind::kSourceSilent, Mishap::Kind::kOrdersRefused,
          Mishap::Kind::kSomebodyPauses, Mishap::Kind::kSomebodyCancels,
          Mishap::Kind::kGuestShutsDown}) {
      for (double at = 0; at < 9; at += 0.05) {
        Simulated run;
        run.plan.technique = technique;
        run.options.mishap = {kind, Seconds(at)};
        const auto outcome = run.go();
        ASSERT_TRUE(outcome) << outcome.error().message;
        expect_true(*outcome, *run.session,
                    fmt::format("{}, mishap {} at {:.2f} s: {}", to_string(technique),
                                static_cast<int>(kind), at, outcome->reason));
        ++runs;
      }
    }
  }
  std::printf("%d migrations with a mishap, on the twin\n", runs);
}

TEST(FaultSweepOnTheTwin, ADeadLinkIsGivenUpAndInPostcopySaidWithItsOutage) {
  Simulated run;
  run.options.mishap = {Mishap::Kind::kLinkDead, Seconds(1)};
  const auto dead = run.go();
  ASSERT_TRUE(dead);
  EXPECT_EQ(dead->status, OutcomeStatus::kFailed);
  EXPECT_EQ(dead->vm_runs_on, VmRunsOn::kSource);
  EXPECT_THAT(dead->reason, HasSubstr("carried nothing"));

  run.plan.technique = Technique::kPostcopy;
  const auto split = run.go();
  ASSERT_TRUE(split);
  EXPECT_EQ(split->vm_runs_on, VmRunsOn::kBothPaused);
  ASSERT_TRUE(split->postcopy_standstill);
  EXPECT_GE(split->postcopy_standstill->count(), 10);
}

}  // namespace
}  // namespace godwit::control
