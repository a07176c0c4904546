#include "peer_socket.h"

#include <gtest/gtest.h>

namespace godwit::probe {
namespace {

/// A thread that loses the processor for a second, between the first two readings of its clocks.
class Interrupted final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  [[nodiscard]] std::int64_t wall_us() const override {
    if (!was_) now_ = now_ + Seconds{1};
    was_ = true;
    return 5'000'000 +
           std::chrono::duration_cast<std::chrono::microseconds>(now_ - TimePoint{}).count();
  }
  bool wait_until(TimePoint deadline, std::stop_token) override {
    now_ = deadline;
    return true;
  }

 private:
  mutable TimePoint now_ = TimePoint{} + Seconds{100};
  mutable bool was_ = false;
};

TEST(Monotonic, AThreadThatIsInterruptedTakesNoTimeForThatOfAnArrival) {
  const Interrupted clock;
  const std::int64_t arrived_wall_ns = 105'900'000'000;  // at 100.9 s by the other clock
  EXPECT_EQ(monotonic(arrived_wall_ns, clock), TimePoint{} + Seconds{100.9});
}

TEST(Monotonic, WhatComesFromTheFutureHasJustArrived) {
  const ManualClock clock;
  EXPECT_EQ(monotonic(5'000'000'000, clock), clock.now());
}

}  // namespace
}  // namespace godwit::probe
