#include "pace.h"

#include <gtest/gtest.h>

namespace godwit::steer {
namespace {

TEST(Pace, ZerosAreNoMeasureOfTheRest) {
  Pace pace;
  pace.look(Seconds(0), Bytes(), 1_GB);
  pace.look(Seconds(1), 1_MB, 500_MB);
  EXPECT_FALSE(pace.sent()) << "nothing but zeros went";
  EXPECT_FALSE(pace.done());
  pace.look(Seconds(1.4), 5_MB, 496_MB);
  EXPECT_FALSE(pace.sent()) << "too short to tell";
  pace.look(Seconds(1.8), 9_MB, 492_MB);
  EXPECT_NEAR(pace.sent()->value(), 10e6, 1);
  EXPECT_NEAR(pace.done()->value(), 10e6, 1);
}

TEST(Pace, IsThatOfTheLastTwoSeconds) {
  Pace pace;
  Bytes sent;
  for (int i = 0; i <= 40; ++i) {
    pace.look(Seconds(0.1 * i), sent, 1_GB - sent);
    sent += i < 20 ? 1_MB : 3_MB;
  }
  EXPECT_NEAR(pace.sent()->value(), 30e6, 2e6);
}

TEST(Pace, ASyncThatMakesMoreOfTheRestIsNoStepBack) {
  Pace pace;
  pace.look(Seconds(0), Bytes(), 20_MB);
  pace.look(Seconds(1), 10_MB, 10_MB);
  pace.look(Seconds(1.5), 15_MB, 90_MB);
  EXPECT_NEAR(pace.sent()->value(), 10e6, 1);
  EXPECT_NEAR(pace.done()->value(), 10e6, 1);
}

TEST(Pace, WhatStandsStillHasNone) {
  Pace pace;
  pace.look(Seconds(0), Bytes(), 20_MB);
  pace.look(Seconds(1), 10_MB, 10_MB);
  for (int i = 1; i <= 3; ++i) pace.look(Seconds(1 + i), 10_MB, 10_MB);
  EXPECT_FALSE(pace.sent());
}

}  // namespace
}  // namespace godwit::steer
