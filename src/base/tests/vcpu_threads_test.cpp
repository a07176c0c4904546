#include "godwit/base/vcpu_threads.h"

#include <gtest/gtest.h>

namespace godwit {
namespace {

TEST(VcpuThreads, AreKnownByTheNamesThatQemuGives) {
  EXPECT_EQ(vcpu_of_name("CPU 0/KVM"), 0);
  EXPECT_EQ(vcpu_of_name("CPU 12/TCG"), 12);
  EXPECT_EQ(vcpu_of_name("ALL CPUs/TCG"), 0);
  for (const char* const other : {"qemu-system-x86", "CPU x/KVM", "CPU /KVM", "CPU 0", ""}) {
    EXPECT_EQ(vcpu_of_name(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace godwit
