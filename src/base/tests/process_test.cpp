#include "godwit/base/process.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <string>

namespace godwit {
namespace {

Process shell(const std::string& script, std::size_t most_kept = 1 << 20) {
  ProcessSpec spec;
  spec.program = *program_path("sh");
  spec.arguments = {"sh", "-c", script};
  spec.most_kept = most_kept;
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

/// The script prints the number of a process that it leaves in the background.
pid_t straggler_of(const Process& process) {
  return static_cast<pid_t>(std::stol(process.out()));
}

/// The straggler's stdout is ours, so that its end is the end of a stream: nothing to guess.
TEST_F(ProcessTest, ItIsEndedWithAllThatItStartedAlsoWhenItWillNotListen) {
  Process process = shell("trap '' TERM; sleep 1000 & echo $!; echo here; wait; wait");
  ASSERT_EQ(follow(process, Seconds(60), "here"), Process::Seen::kMatched);
  const pid_t straggler = straggler_of(process);
  EXPECT_EQ(kill(straggler, 0), 0);
  process.end_group(clock_, Seconds(0.05));
  ASSERT_TRUE(process.end());
  EXPECT_TRUE(process.end()->signalled);
  EXPECT_EQ(process.end()->number, SIGKILL);
  const TimePoint give_up = clock_.now() + Seconds(60);
  // it is init's to reap, in a moment
  while (kill(straggler, 0) == 0 && clock_.now() < give_up) {
    if (getpgid(straggler) < 0) break;
    std::string stat(256, '\0');
    const std::string path = "/proc/" + std::to_string(straggler) + "/stat";
    std::FILE* file = std::fopen(path.c_str(), "r");
    if (file == nullptr) break;
    stat.resize(std::fread(stat.data(), 1, stat.size(), file));
    std::fclose(file);
    if (stat.find(") Z ") != std::string::npos) break;
    (void)clock_.wait_until(clock_.now() + Seconds(0.01), {});
  }
  EXPECT_LT(clock_.now(), give_up);
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

}  // namespace
}  // namespace godwit
