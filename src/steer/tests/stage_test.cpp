#include "godwit/steer/stage.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "source_tree.h"

namespace godwit::steer {
namespace {

SessionView at(MigrationPhase phase) {
  SessionView seen;
  seen.launched = true;
  seen.status.phase = phase;
  return seen;
}

TEST(Stage, FollowsFromWhatWasSeenAndOrdered) {
  EXPECT_EQ(stage_of(SessionView{}), Stage::kMirroring);
  EXPECT_EQ(stage_of(at(MigrationPhase::kSetup)), Stage::kPrecopy);
  EXPECT_EQ(stage_of(at(MigrationPhase::kActive)), Stage::kPrecopy);
  EXPECT_EQ(stage_of(at(MigrationPhase::kDevice)), Stage::kSwitchover);
  EXPECT_EQ(stage_of(at(MigrationPhase::kPostcopyActive)), Stage::kPostcopy);
  EXPECT_EQ(stage_of(at(MigrationPhase::kOther)), Stage::kUnknown);
  for (const auto over :
       {MigrationPhase::kCompleted, MigrationPhase::kCancelled, MigrationPhase::kFailed}) {
    EXPECT_EQ(stage_of(at(over)), Stage::kOver);
  }
}

TEST(Stage, NothingIsCancelledBehindAStoppedGuestUnlessItIsHeldBack) {
  SessionView stopped = at(MigrationPhase::kActive);
  stopped.stop_us = 1;
  EXPECT_EQ(stage_of(stopped), Stage::kSwitchover);
  EXPECT_FALSE(rules_of(Stage::kSwitchover).may_cancel);
  stopped.held_back = true;
  EXPECT_EQ(stage_of(stopped), Stage::kHeldBack);
  EXPECT_TRUE(rules_of(Stage::kHeldBack).may_cancel);
}

TEST(Stage, APostcopyThatWasOrderedIsNotCancelledAnyMore) {
  SessionView ordered = at(MigrationPhase::kActive);
  ordered.postcopy_ordered = true;
  EXPECT_EQ(stage_of(ordered), Stage::kPostcopyOrdered);
  EXPECT_FALSE(rules_of(stage_of(ordered)).may_cancel);
  EXPECT_FALSE(rules_of(stage_of(ordered)).may_start_postcopy);
}

TEST(Stage, TheTableInArchitectureIsThatOfTheCode) {
  std::ifstream file(in_source_tree("ARCHITECTURE.md"));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_NE(text.find(stage_table()), std::string::npos) << "it should hold:\n" << stage_table();
}

}  // namespace
}  // namespace godwit::steer
