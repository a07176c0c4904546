#include "vcpu_threads.h"

#include <gtest/gtest.h>

namespace godwit::guestmem {
namespace {

TEST(VcpuThreads, AreKnownByTheNamesThatQemuGives) {
  EXPECT_TRUE(is_vcpu_name("CPU 0/KVM"));
  EXPECT_TRUE(is_vcpu_name("CPU 12/TCG"));
  EXPECT_TRUE(is_vcpu_name("ALL CPUs/TCG"));
  EXPECT_FALSE(is_vcpu_name("qemu-system-x86"));
  EXPECT_FALSE(is_vcpu_name("CPU x/KVM"));
  EXPECT_FALSE(is_vcpu_name("CPU /KVM"));
  EXPECT_FALSE(is_vcpu_name("CPU 0"));
  EXPECT_FALSE(is_vcpu_name(""));
}

TEST(VcpuThreads, ReadSchedstat) {
  EXPECT_DOUBLE_EQ(time_in_schedstat("1250645851 206936602 322\n")->count(), 1.250645851);
  EXPECT_EQ(time_in_schedstat("0 0 0\n"), std::nullopt) << "the kernel keeps no such statistics";
  EXPECT_EQ(time_in_schedstat(""), std::nullopt);
  EXPECT_EQ(time_in_schedstat("-5 1 1"), std::nullopt);
  EXPECT_EQ(time_in_schedstat("12x 1 1"), std::nullopt);
  EXPECT_EQ(time_in_schedstat("99999999999999999999 1 1"), std::nullopt);
}

TEST(VcpuThreads, ReadStatWhateverTheNameHolds) {
  const char* const stat =
      "77 (CPU 0/TCG) S ) 1) R 1 2 3 0 -1 4194560 10 0 0 0 112 13 0 0 20 0 3 0 9 1 1\n";
  EXPECT_DOUBLE_EQ(time_in_stat(stat, 100)->count(), 1.25);
  EXPECT_EQ(time_in_stat("77 (CPU 0/TCG) R 1 2", 100), std::nullopt);
  EXPECT_EQ(time_in_stat("", 100), std::nullopt);
}

}  // namespace
}  // namespace godwit::guestmem
