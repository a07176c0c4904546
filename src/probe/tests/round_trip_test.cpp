#include "godwit/probe/round_trip.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <thread>

namespace godwit::probe {
namespace {

TEST(RoundTrip, IsNotThereForWhatIsNoAddress) {
  RealClock clock;
  for (const char* target : {"", "guest", "::1"}) {
    EXPECT_FALSE(measure_round_trip(target, std::nullopt, clock)) << target;
  }
}

TEST(RoundTrip, OfThisMachineToItself) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  RealClock clock;
  const auto took = measure_round_trip("127.0.0.1", std::nullopt, clock);
  ASSERT_TRUE(took);
  EXPECT_GT(*took, Seconds(0));
}

TEST(RoundTrip, IsNotThereWhereNobodyAnswers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::optional<Seconds> took;
  std::thread([&took] {
    ASSERT_EQ(0, unshare(CLONE_NEWNET));  // where not even the loopback is up
    RealClock clock;
    took = measure_round_trip("127.0.0.1", std::nullopt, clock);
  }).join();
  EXPECT_FALSE(took);
}

}  // namespace
}  // namespace godwit::probe
