#include "godwit/probe/process_cpu.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace godwit::probe {
namespace {

constexpr const char* kStat =
    "4711 (qemu (x) y) S 1 4711 4711 0 -1 4194560 123 0 7 0 250 50 0 0 20 0 4 0 99 1 2 3";

TEST(ProcessCpu, ReadsUserAndKernelTime) {
  EXPECT_EQ(cpu_time_in(kStat, 100), Seconds(3));
}

TEST(ProcessCpu, TornTextIsNoTime) {
  const std::string_view whole(kStat);
  for (std::size_t size = 0; size < whole.find(" 50"); ++size) {
    EXPECT_FALSE(cpu_time_in(whole.substr(0, size), 100)) << size;
  }
}

TEST(ProcessCpu, OfThisProcessGrowsWithItsWork) {
  const auto before = cpu_time_of(::getpid());
  ASSERT_TRUE(before);
  volatile std::uint64_t sum = 0;
  Seconds after = *before;
  while (after <= *before) {
    for (int i = 0; i < 1'000'000; ++i) sum = sum + 1;
    after = cpu_time_of(::getpid()).value();
  }
  EXPECT_GT(after, *before);
}

TEST(ProcessCpu, AProcessThatEndedHasNone) {
  const auto none = cpu_time_of(0x7fffffff);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kPeerGone);
}

}  // namespace
}  // namespace godwit::probe
