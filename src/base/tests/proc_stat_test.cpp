#include "godwit/base/proc_stat.h"

#include <gtest/gtest.h>

#include <string>

namespace godwit {
namespace {

TEST(ProcStat, TimeInSchedstat) {
  EXPECT_DOUBLE_EQ(time_in_schedstat("1250645851 206936602 322\n")->count(), 1.250645851);
  EXPECT_EQ(time_in_schedstat("0 0 0\n"), std::nullopt) << "the kernel keeps no such statistics";
  EXPECT_EQ(time_in_schedstat(""), std::nullopt);
  EXPECT_EQ(time_in_schedstat("-5 1 1"), std::nullopt);
  EXPECT_EQ(time_in_schedstat("12x 1 1"), std::nullopt);
  EXPECT_EQ(time_in_schedstat("99999999999999999999 1 1"), std::nullopt);
}

TEST(ProcStat, TimeInStatWhateverTheNameHolds) {
  const char* const stat =
      "77 (CPU 0/TCG) S ) 1) R 1 2 3 0 -1 4194560 10 0 0 0 112 13 0 0 20 0 3 0 9 1 1\n";
  EXPECT_DOUBLE_EQ(time_in_stat(stat, 100)->count(), 1.25);
  EXPECT_EQ(time_in_stat("77 (CPU 0/TCG) R 1 2", 100), std::nullopt);
  EXPECT_EQ(time_in_stat("", 100), std::nullopt);
}

TEST(ProcStat, TheSchedulingPolicy) {
  std::string stat = "77 (CPU 0/TCG) S ) 1) R";
  for (int field = 4; field <= 40; ++field) stat += " 7";
  EXPECT_EQ(policy_in_stat(stat + " 1 0 0\n"), 1) << "SCHED_FIFO";
  EXPECT_EQ(policy_in_stat(stat), std::nullopt);
  EXPECT_EQ(policy_in_stat(""), std::nullopt);
}

TEST(ProcStat, TheStart) {
  const char* const stat = "77 (CPU 0/TCG) S 1 2 3 0 -1 4194560 10 0 0 0 112 13 0 0 20 0 3 0 912 1";
  EXPECT_EQ(start_in_stat(stat), 912);
  EXPECT_EQ(start_in_stat("77 (CPU 0/TCG) S 1 2 3"), std::nullopt);
}

}  // namespace
}  // namespace godwit
