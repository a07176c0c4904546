#include "place.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace godwit::libvirt_move {
namespace {

VmRunsOn place(Seen source, Seen destination, bool stopped = false, bool well = false) {
  return place_of({source, ""}, {destination, ""}, stopped, well).vm;
}

TEST(LibvirtPlace, WhatBothDaemonsSayIsBelieved) {
  EXPECT_EQ(place(Seen::kRuns, Seen::kGone, true), VmRunsOn::kSource);
  EXPECT_EQ(place(Seen::kPaused, Seen::kGone), VmRunsOn::kSource);
  EXPECT_EQ(place(Seen::kGone, Seen::kRuns, true), VmRunsOn::kDestination);
  EXPECT_EQ(place(Seen::kGone, Seen::kPaused, true), VmRunsOn::kDestination);
  EXPECT_EQ(place(Seen::kSplit, Seen::kSplit, true), VmRunsOn::kBothPaused);
  EXPECT_EQ(place(Seen::kGone, Seen::kGone, true), VmRunsOn::kUnknown) << "it runs nowhere";
}

TEST(LibvirtPlace, ADaemonThatIsSilentSaysNothing) {
  EXPECT_EQ(place(Seen::kUnknown, Seen::kGone), VmRunsOn::kUnknown);
  EXPECT_EQ(place(Seen::kUnknown, Seen::kRuns, true), VmRunsOn::kUnknown);
  EXPECT_EQ(place(Seen::kUnknown, Seen::kRuns, true, true), VmRunsOn::kDestination)
      << "libvirt had said that it arrived";
  EXPECT_EQ(place(Seen::kRuns, Seen::kUnknown, false), VmRunsOn::kSource)
      << "the migration never stopped the guest, so it can't run there";
  EXPECT_EQ(place(Seen::kRuns, Seen::kUnknown, true), VmRunsOn::kUnknown);
}

TEST(LibvirtPlace, DaemonsThatStillClearUpAreAskedAgain) {
  EXPECT_FALSE(place_of({Seen::kRuns, ""}, {Seen::kMoving, ""}, true, false).final);
  EXPECT_FALSE(place_of({Seen::kMoving, ""}, {Seen::kMoving, ""}, true, false).final);
  EXPECT_FALSE(place_of({Seen::kGone, ""}, {Seen::kMoving, ""}, true, false).final);
  EXPECT_TRUE(place_of({Seen::kRuns, ""}, {Seen::kGone, ""}, true, false).final);
}

RC_GTEST_PROP(LibvirtPlace, NeverNamesASideThatDoesNotHaveIt, (bool stopped, bool well)) {
  const auto any = rc::gen::elementOf(std::vector<Seen>{
      Seen::kUnknown, Seen::kGone, Seen::kRuns, Seen::kPaused, Seen::kMoving, Seen::kSplit});
  const Seen source = *any;
  const Seen destination = *any;
  const Place told = place_of({source, ""}, {destination, ""}, stopped, well);
  if (told.vm == VmRunsOn::kSource) {
    RC_ASSERT(source == Seen::kRuns || source == Seen::kPaused || source == Seen::kMoving);
    RC_ASSERT(destination != Seen::kRuns && destination != Seen::kPaused);
  }
  if (told.vm == VmRunsOn::kDestination) {
    RC_ASSERT(destination == Seen::kRuns || destination == Seen::kPaused);
    RC_ASSERT(source != Seen::kRuns && source != Seen::kPaused);
  }
  if (told.vm == VmRunsOn::kUnknown || told.vm == VmRunsOn::kBothPaused) {
    RC_ASSERT(!told.what_to_do.empty());
  }
}

}  // namespace
}  // namespace godwit::libvirt_move
