#include "godwit/base/clock.h"

#include <gtest/gtest.h>

#include <thread>

namespace godwit {
namespace {

TEST(ManualClock, WaitingMovesIt) {
  ManualClock clock;
  const TimePoint start = clock.now();
  EXPECT_TRUE(clock.wait_until(start + Seconds(2), {}));
  EXPECT_DOUBLE_EQ((clock.now() - start).count(), 2.0);
}

TEST(RealClock, AStopRequestEndsAWaitAtOnce) {
  RealClock clock;
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(clock.wait_until(clock.now() + Seconds(3600), stop.get_token()));
}

TEST(RealClock, APastDeadlineReturnsAtOnce) {
  RealClock clock;
  EXPECT_TRUE(clock.wait_until(clock.now() + Seconds(-1), {}));
}

}  // namespace
}  // namespace godwit
