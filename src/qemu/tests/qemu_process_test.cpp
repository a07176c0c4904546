#include "qemu_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace godwit::qemu {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(ProcessName, IsWhoAnswersOnASocket) {
  EXPECT_THAT(process_name(::getpid()), StartsWith("process " + std::to_string(::getpid()) + " ("));
  EXPECT_EQ(process_name(0), "") << "in a process namespace that can't be seen";
}

TEST(ProcessName, OneThatOpenedASocketForAnotherAndEndedIsNoQemu) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_THAT(process_name(child), HasSubstr("forwarder"));
  EXPECT_FALSE(QemuProcess::recognise(child, {child}));
}

TEST(QemuProcess, IsRecognisedByItsVcpusThreadsAndNotByItsName) {
  EXPECT_TRUE(QemuProcess::recognise(::getpid(), {::getpid()}));
  EXPECT_FALSE(QemuProcess::recognise(::getpid(), {1})) << "not one of this process's threads";
  EXPECT_FALSE(QemuProcess::recognise(::getpid(), {})) << "without vCPUs its name decides";
}

}  // namespace
}  // namespace godwit::qemu
