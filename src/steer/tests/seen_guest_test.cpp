#include "seen_guest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "godwit/base/units.h"

namespace godwit::steer {
namespace {

using Written = std::function<double(double)>;

RoundRecord round_of(int number, double seconds, const Written& written) {
  RoundRecord round;
  round.number = number;
  round.duration = Seconds(seconds);
  round.dirtied = Bytes(std::llround(written(seconds)));
  return round;
}

Written at_random(double set, double rate) {
  return [=](double t) { return -set * std::expm1(-rate * t / set); };
}
Written power(double bytes, double bend) {
  return [=](double t) { return bytes * std::pow(t, bend); };
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double middle = 0;
  double high = 0;
};

/// Of what is written in such a window, by all that count for more than a hundredth; their mean.
Range within(const SeenGuest& guest, double seconds) {
  const auto all = guest.growths();
  double weights = 0;
  for (const auto& one : all) weights += one.weight;
  Range range;
  for (const auto& one : all) {
    const double bytes = one.growth.bytes_at(seconds);
    range.middle += one.weight / weights * bytes;
    if (one.weight < 0.01 * weights) continue;
    range.low = std::min(range.low, bytes);
    range.high = std::max(range.high, bytes);
  }
  return range;
}

TEST(SeenGuest, KnowsNothingBeforeARoundHasTold) {
  SeenGuest guest;
  EXPECT_TRUE(guest.growths().empty());
  RoundRecord unknown;
  unknown.number = 1;
  unknown.duration = Seconds(10);
  guest.learn(unknown, 1_GiB, 1);
  EXPECT_TRUE(guest.growths().empty());
}

TEST(SeenGuest, OneRoundLeavesOpenHowTheCurveBendsBelowIt) {
  SeenGuest guest;
  guest.learn(round_of(1, 12, power(10e6, 1)), 1_GiB, 1);
  const Range seen = within(guest, 12);
  EXPECT_NEAR(seen.middle, 120e6, 1e6);
  EXPECT_LE(seen.high / seen.low, 1.02) << "each shape has seen that round";
  const Range below = within(guest, 3);
  EXPECT_LE(below.low, 31e6) << "in proportion";
  EXPECT_GE(below.high, 60e6) << "or most of it at once";
  EXPECT_GE(below.middle, 35e6) << "guests write more at first, in the mean";
}

TEST(SeenGuest, ASetThatFillsIsFoundByAFewRounds) {
  const Written truth = at_random(50e6, 8e6);
  SeenGuest guest;
  int number = 0;
  for (const double seconds : {12.0, 3.4, 1.7, 0.9}) {
    guest.learn(round_of(++number, seconds, truth), 1_GiB, 1);
  }
  for (const double seconds : {0.5, 1.0, 2.0}) {
    EXPECT_NEAR(within(guest, seconds).middle / truth(seconds), 1, 0.2) << seconds;
    const double by_the_first = truth(12) * seconds / 12;
    EXPECT_GT(truth(seconds), 1.6 * by_the_first) << "as it would be by the first round alone";
  }
}

TEST(SeenGuest, AGuestThatIsSlowedDownIsTheSameGuest) {
  const Written truth = power(20e6, 0.8);
  SeenGuest guest;
  guest.learn(round_of(1, 10, truth), 1_GiB, 1);
  RoundRecord slowed = round_of(2, 4, truth);
  slowed.dirtied = Bytes(std::llround(truth(4 * 0.5)));
  guest.learn(slowed, 1_GiB, 0.5);
  EXPECT_NEAR(within(guest, 2).middle / truth(2), 1, 0.1) << "with all of its time";
}

TEST(SeenGuest, InLargeMemoryPartsCountFromWhenTheyAreSent) {
  EXPECT_EQ(log_parts(256_MiB), 1);
  EXPECT_EQ(log_parts(1_GiB + 20_MiB), 1) << "QEMU counts the display's memory, too";
  EXPECT_EQ(log_parts(8_GiB + 20_MiB), 8);
  SeenGuest guest;
  RoundRecord first = round_of(1, 16, [](double t) { return 10e6 * t; });
  first.dirtied = 90_MB;  // (2 + 4 + … + 16) / 8 = 9 s of writing, in the mean
  guest.learn(first, 8_GiB, 1);
  const auto straight = guest.growths().front();
  EXPECT_NEAR(straight.growth.bytes_at(4), 40e6, 1e6);
}

TEST(SeenGuest, OneThatDoesSomethingElseEachTimeIsLessKnown) {
  const Written truth = power(20e6, 0.8);
  SeenGuest steady, moody;
  int number = 0;
  for (const double seconds : {10.0, 4.0, 2.0, 1.0}) {
    ++number;
    steady.learn(round_of(number, seconds, truth), 1_GiB, 1);
    RoundRecord round = round_of(number, seconds, truth);
    round.dirtied = *round.dirtied * Ratio(number % 2 == 0 ? 0.4 : 1.6);
    moody.learn(round, 1_GiB, 1);
  }
  EXPECT_GT(moody.growths().front().error, 2 * steady.growths().front().error);
}

}  // namespace
}  // namespace godwit::steer
