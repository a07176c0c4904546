#include "command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "godwit/base/clock.h"

namespace godwit::lab {
namespace {

TEST(RunCommand, GivesStdout) {
  auto out = run_command({{"printf", "a b\n"}, "coreutils"});
  ASSERT_TRUE(out);
  EXPECT_EQ("a b\n", *out);
}

TEST(RunCommand, LargeOutputDoesNotBlock) {
  auto out = run_command({{"head", "-c", "1000000", "/dev/zero"}, "coreutils"});
  ASSERT_TRUE(out);
  EXPECT_EQ(1'000'000U, out->size());
}

TEST(RunCommand, FailureQuotesWhatWasSaid) {
  auto out = run_command({{"sh", "-c", "echo first >&2; echo no such thing >&2; exit 3"}, "dash"});
  ASSERT_FALSE(out);
  EXPECT_NE(std::string::npos, out.error().message.find("no such thing")) << out.error().message;
  EXPECT_NE(std::string::npos, out.error().message.find("3"));
}

TEST(RunCommand, MissingRightsAreKPermission) {
  auto out = run_command(
      {{"sh", "-c", "echo RTNETLINK answers: Operation not permitted >&2; exit 2"}, "dash"});
  ASSERT_FALSE(out);
  EXPECT_EQ(ErrorCode::kPermission, out.error().code);
}

TEST(RunCommand, MissingProgramNamesItsPackage) {
  auto out = run_command({{"godwit-no-such-program"}, "the-package"});
  ASSERT_FALSE(out);
  EXPECT_EQ(ErrorCode::kEnvironment, out.error().code);
  EXPECT_NE(std::string::npos, out.error().what_to_do.text().find("the-package"));
}

TEST(RunCommand, OneThatDoesNotEndIsKilled) {
  Command command{{"sleep", "1000"}, "coreutils"};
  command.patience = Seconds{0.05};
  auto out = run_command(command);
  ASSERT_FALSE(out);
  EXPECT_EQ(ErrorCode::kTimeout, out.error().code);
}

TEST(RunCommand, OneThatLeavesAGrandchildBehindHasEndedAllTheSame) {
  auto out = run_command({{"sh", "-c", "sleep 2 & echo done"}, "dash"});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ("done\n", *out);
}

TEST(RunToEnd, StopsAtTheTextThatIsAwaited) {
  Command command{{"sh", "-c", "echo ready; exec sleep 1000"}, "dash"};
  command.until = "ready";
  auto end = run_to_end(command);
  ASSERT_TRUE(end);
  EXPECT_EQ(CommandEnd::How::kMatched, end->how);
}

TEST(RunToEnd, SignalsAreTold) {
  auto end = run_to_end({{"sh", "-c", "kill -TERM $$"}, "dash"});
  ASSERT_TRUE(end);
  EXPECT_EQ(CommandEnd::How::kSignalled, end->how);
  EXPECT_EQ(SIGTERM, end->status);
}

TEST(FindProgram, LooksWhereOrdinaryUsersPathsDoNot) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  EXPECT_TRUE(find_program("sh", "dash"));
  unsetenv("PATH");
  EXPECT_TRUE(find_program("sh", "dash"));
  setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace godwit::lab
