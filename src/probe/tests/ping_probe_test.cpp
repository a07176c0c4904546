#include "godwit/probe/ping_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "echo_socket.h"
#include "godwit/base/clock.h"
#include "godwit/probe/interface_counter.h"
#include "in_netns.h"
#include "testing_peers.h"

namespace godwit::probe {
namespace {

/// Waits until a question asked from now on is answered.
bool hears_anew(const PingProbe& probe) {
  const std::int64_t now_us = RealClock().wall_us();
  return comes_true([&] { return probe.answered_since(now_us); });
}

TEST(PingProbe, BadTargetsAreNamed) {
  for (const char* target : {"", "guest", "10.0.0", "10.0.0.1.1", "::1", "10.0.0.256"}) {
    PingProbe probe({target, std::nullopt});
    auto started = probe.start(Seconds{1});
    ASSERT_FALSE(started) << target;
    EXPECT_EQ(ErrorCode::kBadInput, started.error().code);
  }
}

TEST(PingProbe, StopWithoutStartIsRefused) {
  PingProbe probe({"127.0.0.1", std::nullopt});
  EXPECT_FALSE(probe.stop(Seconds{0}));
  EXPECT_FALSE(probe.answered_since(0));
}

/// Those below need CAP_NET_RAW.
class RootProbe : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(RootProbe, LoopbackAnswersEverything) {
  PingProbe probe({"127.0.0.1", std::nullopt});
  ASSERT_TRUE(probe.start(kEnough));
  EXPECT_TRUE(hears_anew(probe));
  auto report = probe.stop(kEnough);
  ASSERT_TRUE(report);
  EXPECT_GT(report->sent, 0);
  EXPECT_EQ(report->sent, report->answered);
  ASSERT_EQ(report->answers.size(), static_cast<std::size_t>(report->sent));
  for (const ProbeAnswer& answer : report->answers) {
    ASSERT_TRUE(answer.answered_wall_us);
    EXPECT_GE(*answer.answered_wall_us, answer.asked_wall_us);
  }
  EXPECT_GE(report->outage(), Seconds{0});
}

TEST_F(RootProbe, TwoProbesOfOneHostDoNotTakeEachOthersAnswers) {
  PingProbe one({"127.0.0.1", std::nullopt});
  PingProbe two({"127.0.0.1", std::nullopt, Seconds{0.003}});
  ASSERT_TRUE(one.start(kEnough));
  ASSERT_TRUE(two.start(kEnough));
  EXPECT_TRUE(hears_anew(one));
  EXPECT_TRUE(hears_anew(two));
  auto first = one.stop(kEnough);
  auto second = two.stop(kEnough);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->sent, first->answered);
  EXPECT_EQ(second->sent, second->answered);
}

TEST_F(RootProbe, MissingRightIsNamed) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(9);
    auto opened = EchoSocket::open("127.0.0.1", std::nullopt);
    if (opened) _exit(0);  // this machine lets everybody ping
    const bool named = opened.error().code == ErrorCode::kPermission &&
                       opened.error().message.find("CAP_NET_RAW") != std::string::npos;
    _exit(named ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(0, WEXITSTATUS(status));
}

class Cable : public CableTest {
 protected:
  [[nodiscard]] PingOptions options() const { return {"10.79.0.2", near()}; }
};

TEST_F(Cable, CutIsSeenAtLeastAsLongAsItWas) {
  const auto asks_in_vain = [this](Seconds time) {
    PingProbe probe(options());
    EXPECT_TRUE(probe.start(kEnough));
    cut();
    const Seconds length = outlast(time);
    mend();
    EXPECT_TRUE(hears_anew(probe));
    const auto report = probe.stop(Seconds{0}).value();
    EXPECT_GE(report.longest_gap, length);
    EXPECT_EQ(std::count_if(report.answers.begin(), report.answers.end(),
                            [](const ProbeAnswer& a) { return !a.answered_wall_us; }),
              report.sent - report.answered);
    EXPECT_LE(report.longest_gap_start_wall_us, RealClock().wall_us());
    return report.answered < report.sent;
  };
  EXPECT_TRUE(given_time(asks_in_vain));
}

TEST_F(Cable, SilenceAtTheEndIsAGap) {
  PingProbe probe(options());
  ASSERT_TRUE(probe.start(kEnough));
  cut();
  const Seconds silence = outlast(Seconds{0.1});
  auto report = probe.stop(Seconds{0});
  ASSERT_TRUE(report);
  EXPECT_GE(report->longest_gap, silence - kClocksDiffer);
}

TEST_F(Cable, NobodyThereIsATimeout) {
  cut();
  PingProbe probe(options());
  auto started = probe.start(Seconds{0.2});
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kTimeout, started.error().code);
  EXPECT_FALSE(started.error().what_to_do.empty());
}

TEST_F(Cable, CounterSeesWhatTheProbeSends) {
  InterfaceCounter counter("cable0", near());
  auto before = counter.sent();
  ASSERT_TRUE(before) << before.error().message;
  PingProbe probe(options());
  ASSERT_TRUE(probe.start(kEnough));
  ASSERT_TRUE(hears_anew(probe));
  auto report = probe.stop(kEnough);
  ASSERT_TRUE(report);
  auto after = counter.sent();
  ASSERT_TRUE(after);
  constexpr std::int64_t kFrame = 14 + 20 + 64;  // Ethernet, IPv4, the question
  EXPECT_GE((*after - *before).count(), report->answered * kFrame);
}

TEST(Netns, WorkRunsInsideAndTheCallerStaysOutside) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  auto missing = in_netns(std::string("/run/netns/none"), [] { return Result<int>(1); });
  ASSERT_FALSE(missing);
  EXPECT_EQ(ErrorCode::kNotFound, missing.error().code);
}

}  // namespace
}  // namespace godwit::probe
