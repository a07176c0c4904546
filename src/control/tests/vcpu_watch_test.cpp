#include "godwit/control/vcpu_watch.h"

#include <gtest/gtest.h>

#include <functional>

namespace godwit::control {
namespace {

/// A guest whose vCPUs look so at each look, the first of which is number 0; without, nobody can
/// look.
using Looks = std::function<std::vector<VcpuLook>(int)>;

std::optional<std::string> watch(ManualClock& clock, const Looks& looks) {
  return why_dead(clock, [&, count = 0]() mutable -> Result<std::vector<VcpuLook>> {
    if (!looks) return fail(ErrorCode::kUnsupported, "no registers");
    return looks(count++);
  });
}

VcpuLook in_kernel(std::uint64_t at, bool interrupts, bool halted = false) {
  return {at, halted, interrupts, 0};
}

/// As was seen of a guest moved to a CPU without smap: halted as it had left, then for ever at one
/// place.
TEST(VcpuWatch, AnExceptionInALoopIsDeath) {
  ManualClock clock;
  const auto why = watch(clock, [](int i) {
    return i == 0 ? std::vector{in_kernel(0xffffffff81a17a0b, true, true)}
                  : std::vector{in_kernel(0xffffffff81c00b80, false)};
  });
  ASSERT_TRUE(why);
  EXPECT_FALSE(why->empty());
}

TEST(VcpuWatch, HaltedWithoutInterruptsIsDeath) {
  ManualClock clock;
  EXPECT_TRUE(watch(clock, [](int) { return std::vector{in_kernel(0x1000, false, true)}; }));
}

/// A guest that boots again runs with interrupts off at one place for a while. On a busy host that
/// takes it long: what counts is the time that it had.
TEST(VcpuWatch, AGuestThatABusyHostHoldsUpIsNotDead) {
  ManualClock clock;
  const auto dead = watch(clock, [](int i) {
    VcpuLook look = in_kernel(i < 100 ? 0x1000 : 0x1000 * i, false);
    look.cpu_time = Seconds(0.005 * i);  // a tenth of a processor, looked at each 50 ms
    return std::vector{look};
  });
  EXPECT_FALSE(dead);
  EXPECT_GE((clock.now() - TimePoint()).count(), 4) << "it was watched until it moved";
}

TEST(VcpuWatch, AnExceptionInALoopThatHadItsTimeIsDeath) {
  ManualClock clock;
  const auto dead = watch(clock, [](int i) {
    VcpuLook look = in_kernel(0x1000, false);
    look.cpu_time = Seconds(0.025 * i);  // half of a processor
    return std::vector{look};
  });
  EXPECT_TRUE(dead);
}

TEST(VcpuWatch, WhetherAGuestThatGetsNothingIsDeadIsNotKnown) {
  ManualClock clock;
  const auto dead = watch(clock, [](int) {
    VcpuLook look = in_kernel(0x1000, false);
    look.cpu_time = Seconds(0);
    return std::vector{look};
  });
  EXPECT_FALSE(dead);
}

TEST(VcpuWatch, WhatMayBeAliveIsNotCalledDead) {
  const std::vector<Looks> living{
      [](int) { return std::vector{in_kernel(0x1000, true, true)}; },   // idle
      [](int) { return std::vector{in_kernel(0x1000, true)}; },         // polls
      [](int i) { return std::vector{in_kernel(0x1000 * i, false)}; },  // works
      [](int) {
        return std::vector{VcpuLook{0x1000, false, false, 3}};
      },  // a program's loop
      [](int) {
        return std::vector{in_kernel(0x1000, false, true),  // not yet started
                           in_kernel(0x2000, true, true)};
      },
      {},
  };
  for (const auto& looks : living) {
    ManualClock clock;
    EXPECT_FALSE(watch(clock, looks));
    EXPECT_LT((clock.now() - TimePoint()).count(), 2);
  }
}

}  // namespace
}  // namespace godwit::control
