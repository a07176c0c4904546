#include "godwit/twin/outlook.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "guests.h"

namespace godwit::twin {
namespace {

/// It writes so much a second, for ever.
model::Growth straight(double rate) {
  return model::Growth({{}, {1, rate, 0}}, {.saturation = 0, .decay = 0, .slope = rate}, 1e9);
}

Forecaster forecaster() {
  const GuestProfile profile =
      model::testing::guest(1_GiB, 800_MiB, model::testing::uniform(64_MiB, 1_MB_per_s));
  return Forecaster::make(profile, {}, {}).value();
}

UnderWay under_way() {
  UnderWay now;
  now.left = 40_MB;
  now.rate = 20_MB_per_s;
  return now;
}

TEST(TwinOutlook, WaysAreOfGuestsByTheirWeights) {
  const std::array guests{LikelyGrowth{straight(1e3), 3, 0}, LikelyGrowth{straight(15e6), 1, 0}};
  const auto ways = forecaster().ways(Technique::kPrecopy, {}, under_way(), Seconds(3600), guests);
  const auto soon = std::count_if(ways.begin(), ways.end(),
                                  [](const Outlook& way) { return way.time < Seconds(3); });
  EXPECT_NEAR(static_cast<double>(soon) / static_cast<double>(ways.size()), 0.75, 1e-9);
}

TEST(TwinOutlook, WhatAGuestWritesIsAsUncertainAsItIsSaid) {
  const std::array sure{LikelyGrowth{straight(5e6), 1, 0}};
  const std::array unsure{LikelyGrowth{straight(5e6), 1, 0.3}};
  const auto spread = [](const auto& guests) {
    const auto ways =
        forecaster().ways(Technique::kPrecopy, {}, under_way(), Seconds(3600), guests);
    const auto [least, most] =
        std::minmax_element(ways.begin(), ways.end(),
                            [](const Outlook& a, const Outlook& b) { return a.time < b.time; });
    return most->time - least->time;
  };
  EXPECT_GT(spread(unsure), 2 * spread(sure));
}

TEST(TwinOutlook, AGuestThatIsThrottledAlreadyWritesLess) {
  const std::array guests{LikelyGrowth{straight(15e6), 1, 0}};
  const auto middle = [&](double throttle) {
    UnderWay now = under_way();
    now.throttle = throttle;
    auto ways = forecaster().ways(Technique::kAutoConverge, {}, now, Seconds(3600), guests);
    std::sort(ways.begin(), ways.end(),
              [](const Outlook& a, const Outlook& b) { return a.time < b.time; });
    return ways[ways.size() / 2].time;
  };
  EXPECT_LT(middle(0.6), 0.6 * middle(0));
}

}  // namespace
}  // namespace godwit::twin
