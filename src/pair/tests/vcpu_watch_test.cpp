#include "vcpu_watch.h"

#include <gtest/gtest.h>

#include <functional>

#include "fake_dirty_vm.h"

namespace godwit::pair {
namespace {

class Watched : public FakeDirtyVm {
 public:
  explicit Watched(std::function<std::vector<VcpuLook>(int)> looks) : looks_(std::move(looks)) {}
  Result<std::vector<VcpuLook>> look_at_vcpus() override {
    if (!looks_) return fail(ErrorCode::kUnsupported, "no registers");
    return looks_(count_++);
  }

 private:
  std::function<std::vector<VcpuLook>(int)> looks_;
  int count_ = 0;
};

VcpuLook in_kernel(std::uint64_t at, bool interrupts, bool halted = false) {
  return {at, halted, interrupts, 0};
}

/// As was seen of a guest moved to a CPU without smap: halted as it had left, then for ever at one
/// place.
TEST(VcpuWatch, AnExceptionInALoopIsDeath) {
  Watched guest([](int i) {
    return i == 0 ? std::vector{in_kernel(0xffffffff81a17a0b, true, true)}
                  : std::vector{in_kernel(0xffffffff81c00b80, false)};
  });
  const auto why = why_dead(guest.clock, guest);
  ASSERT_TRUE(why);
  EXPECT_FALSE(why->empty());
}

TEST(VcpuWatch, HaltedWithoutInterruptsIsDeath) {
  Watched guest([](int) { return std::vector{in_kernel(0x1000, false, true)}; });
  EXPECT_TRUE(why_dead(guest.clock, guest));
}

/// A guest that boots again runs with interrupts off at one place for a while. On a busy host that
/// takes it long: what counts is the time that it had.
TEST(VcpuWatch, AGuestThatABusyHostHoldsUpIsNotDead) {
  Watched guest([](int i) {
    VcpuLook look = in_kernel(i < 100 ? 0x1000 : 0x1000 * i, false);
    look.cpu_time = Seconds(0.005 * i);  // a tenth of a processor, looked at each 50 ms
    return std::vector{look};
  });
  EXPECT_FALSE(why_dead(guest.clock, guest));
  EXPECT_GE((guest.clock.now() - TimePoint()).count(), 4) << "it was watched until it moved";
}

TEST(VcpuWatch, AnExceptionInALoopThatHadItsTimeIsDeath) {
  Watched guest([](int i) {
    VcpuLook look = in_kernel(0x1000, false);
    look.cpu_time = Seconds(0.025 * i);  // half of a processor
    return std::vector{look};
  });
  EXPECT_TRUE(why_dead(guest.clock, guest));
}

TEST(VcpuWatch, WhetherAGuestThatGetsNothingIsDeadIsNotKnown) {
  Watched guest([](int) {
    VcpuLook look = in_kernel(0x1000, false);
    look.cpu_time = Seconds(0);
    return std::vector{look};
  });
  EXPECT_FALSE(why_dead(guest.clock, guest));
}

TEST(VcpuWatch, WhatMayBeAliveIsNotCalledDead) {
  const std::vector<std::function<std::vector<VcpuLook>(int)>> living{
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
    Watched guest(looks);
    EXPECT_FALSE(why_dead(guest.clock, guest));
    EXPECT_LT((guest.clock.now() - TimePoint()).count(), 2);
  }
}

}  // namespace
}  // namespace godwit::pair
