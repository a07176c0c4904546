#include "godwit/base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

namespace godwit {
namespace {

Process shell(const std::string& script, std::size_t most_kept = 1 << 20, int keep_open = -1) {
  ProcessSpec spec;
  spec.program = *program_path("sh");
  spec.arguments = {"sh", "-c", script};
  spec.most_kept = most_kept;
  spec.keep_open = keep_open;
  return std::move(*Process::start(spec));
}

class ProcessTest : public testing::Test {
 protected:
  Process::Seen follow(Process& process, Seconds patience, const std::string& until = {}) {
    return process.follow(clock_, clock_.now() + patience, stop_.get_token(), until);
  }
  RealClock clock_;
  std::stop_source stop_;
};

/// A shell could not undo that a signal is ignored.
TEST_F(ProcessTest, SignalsThatWeIgnoreItDoesNot) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  Process process = shell("kill -PIPE $$; echo lives");
  std::signal(SIGPIPE, before);
  EXPECT_EQ(follow(process, Seconds(60)), Process::Seen::kEnded);
  EXPECT_EQ(process.out(), "");
  EXPECT_FALSE(process.end()->well());
}

TEST_F(ProcessTest, ItsEndAndItsWordsAreTold) {
  Process process = shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(follow(process, Seconds(60)), Process::Seen::kEnded);
  EXPECT_EQ(process.out(), "out\n");
  EXPECT_EQ(process.err(), "err\n");
  EXPECT_EQ(process.end()->number, 3);
  EXPECT_FALSE(process.end()->well());
}

TEST_F(ProcessTest, OnlyTheNewestOfItsWordsAreKept) {
  Process process = shell("head -c 3000000 /dev/zero; echo the end", 1000);
  EXPECT_EQ(follow(process, Seconds(60)), Process::Seen::kEnded);
  EXPECT_EQ(process.out().size(), 1000u);
  EXPECT_TRUE(process.out().ends_with("the end\n"));
}

TEST_F(ProcessTest, OneThatNeverStopsTalkingMeetsItsDeadlineAllTheSame) {
  Process process = shell("exec cat /dev/zero", 1000);
  EXPECT_EQ(follow(process, Seconds(0.05)), Process::Seen::kDeadline);
}

TEST_F(ProcessTest, AStopRequestWakesTheOneWhoFollows) {
  Process process = shell("echo here; exec sleep 1000");
  EXPECT_EQ(follow(process, Seconds(60), "here"), Process::Seen::kMatched);
  stop_.request_stop();
  EXPECT_EQ(follow(process, Seconds(60)), Process::Seen::kStopped);
  EXPECT_FALSE(process.end());
}

TEST_F(ProcessTest, ItIsEndedWithAllThatItStartedAlsoWhenItWillNotListen) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  Process process = shell("trap '' TERM; sleep 1000 & echo here; wait; wait", 1000, theirs.get());
  theirs.reset();
  ASSERT_EQ(follow(process, Seconds(60), "here"), Process::Seen::kMatched);
  process.end_group(clock_, Seconds(0.05));
  ASSERT_TRUE(process.end());
  EXPECT_TRUE(process.end()->signalled);
  EXPECT_EQ(process.end()->number, SIGKILL);
  // hung up once nobody has its end any more, the one in the background neither
  pollfd fd{ours.get(), POLLIN, 0};
  EXPECT_EQ(poll(&fd, 1, 60'000), 1);
  EXPECT_NE(fd.revents & POLLHUP, 0);
}

TEST_F(ProcessTest, OneThatListensEndsBySigterm) {
  Process process = shell("echo here; exec sleep 1000");
  ASSERT_EQ(follow(process, Seconds(60), "here"), Process::Seen::kMatched);
  process.end_group(clock_, Seconds(60));
  EXPECT_EQ(process.end()->number, SIGTERM);
}

TEST(ProgramPath, APathIsTakenAsItIs) {
  EXPECT_EQ(program_path("/bin/sh"), "/bin/sh");
  EXPECT_FALSE(program_path("/bin/godwit-no-such-program"));
  EXPECT_FALSE(program_path("godwit-no-such-program"));
}

TEST(LastLine, IsTheLastThatIsNotBlank) {
  EXPECT_EQ(last_line("a\r\nb c\r\n \n"), "b c");
  EXPECT_EQ(last_line("\n \n"), "");
}

TEST(ProcessWorld, IsOfABootWhateverItsNamespace) {
  EXPECT_TRUE(same_boot(process_world(), process_world()));
  EXPECT_TRUE(same_boot("boot-a pid:[1]", "boot-a pid:[2]"));
  EXPECT_FALSE(same_boot("boot-a pid:[1]", "boot-b pid:[1]"));
  EXPECT_FALSE(same_boot("boot-a pid:[1]", ""));
}

}  // namespace
}  // namespace godwit
