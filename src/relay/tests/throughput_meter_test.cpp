#include "throughput_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

namespace godwit::relay {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TimePoint moment(double ms) {
  return TimePoint{} + Seconds(5) + Seconds(ms / 1000);
}

TEST(ThroughputMeter, CountsByGrainsOfTenMilliseconds) {
  ThroughputMeter meter(moment(-5));
  meter.add(moment(1), 100_B);
  meter.add(moment(9), 20_B);
  meter.add(moment(11), 3_B);
  meter.add(moment(35), 7_B);
  EXPECT_THAT(meter.last(Seconds(1), moment(40)), ElementsAre(120_B, 3_B, 0_B, 7_B));
  EXPECT_THAT(meter.last(Seconds(0.02), moment(40)), ElementsAre(0_B, 7_B));
}

TEST(ThroughputMeter, AGrainThatIsNotOverIsNotTold) {
  ThroughputMeter meter(moment(-5));
  EXPECT_THAT(meter.last(Seconds(1), moment(5)), IsEmpty());
  meter.add(moment(5), 100_B);
  EXPECT_THAT(meter.last(Seconds(1), moment(9)), IsEmpty());
  EXPECT_THAT(meter.last(Seconds(1), moment(10)), ElementsAre(100_B));
  EXPECT_THAT(meter.last(Seconds(1), moment(30)), ElementsAre(100_B, 0_B, 0_B));
}

TEST(ThroughputMeter, KeepsAMinuteAndForgetsWhatIsOlder) {
  ThroughputMeter meter(moment(-5));
  meter.add(moment(1), 100_B);
  meter.add(moment(70'001), 1_B);
  const auto all = meter.last(Seconds(3600), moment(70'010));
  EXPECT_EQ(all.size(), 5999U);
  EXPECT_EQ(std::accumulate(all.begin(), all.end(), 0_B), 1_B);
}

RC_GTEST_PROP(ThroughputMeterProperty, NothingIsLostNorCountedTwice, ()) {
  ThroughputMeter meter(moment(-5));
  double now_ms = 0;
  Bytes sum(0);
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40))) {
    now_ms += step;
    meter.add(moment(now_ms), Bytes(step));
    sum += Bytes(step);
  }
  const auto all = meter.last(Seconds(60), moment(now_ms + 10));
  RC_ASSERT(std::accumulate(all.begin(), all.end(), 0_B) == sum);
}

}  // namespace
}  // namespace godwit::relay
