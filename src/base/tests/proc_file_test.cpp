#include "godwit/base/proc_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace godwit {
namespace {

TEST(ProcFile, ALinesValueIsFoundByItsKey) {
  EXPECT_EQ(value_in("/proc/self/status", "Pid"), std::to_string(::getpid()));
  EXPECT_EQ(value_in("/proc/self/status", "NoSuchKey"), "");
  EXPECT_EQ(value_in("/proc/no/such/file", "Pid"), "");
}

TEST(ProcFile, KilobytesAreBytes) {
  EXPECT_GT(kilobytes_in("/proc/self/status", "VmRSS").value(), 100_KiB);
  EXPECT_FALSE(kilobytes_in("/proc/self/status", "NoSuchKey"));
}

TEST(ProcFile, AProgramIsNamed) {
  EXPECT_EQ(program_of(::getpid()), value_in("/proc/self/status", "Name"));
  EXPECT_EQ(program_of(0), "");
}

}  // namespace
}  // namespace godwit
