// Programs as loads, on this machine: a shell script stands in for the guest's runner.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "engine.h"

namespace godwit::guest {
namespace {

class ProgramLoadTest : public ::testing::Test {
 protected:
  ProgramLoadTest() {
    EXPECT_NE(nullptr, mkdtemp(folder_.data()));
    engine_.emplace(telemetry_, "/nonexistent/disk", file("runner"));
  }
  ~ProgramLoadTest() override {
    engine_.reset();
    for (const char* name : {"runner", "pids", "fifo"}) unlink(file(name).c_str());
    rmdir(folder_.c_str());
  }

  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }
  // What the runner does: its folder is the working one.
  void runner_does(const std::string& script) {
    std::ofstream(file("runner")) << "#!/bin/sh\ncd " << folder_ << "\n" << script;
    EXPECT_EQ(0, chmod(file("runner").c_str(), 0700));
  }
  static LoadPlan plan_of(const std::string& text) {
    const ParsedPlan parsed = parse_load_plan(text);
    EXPECT_TRUE(parsed.plan) << parsed.error;
    return parsed.plan.value_or(LoadPlan{});
  }
  // False after a minute.
  static bool await(const std::function<bool()>& wanted) {
    const std::int64_t give_up_ns = now_ns() + 60'000 * kNsPerMs;
    while (now_ns() < give_up_ns) {
      if (wanted()) return true;  // asked once: it may be so for a moment only
      (void)poll(nullptr, 0, 1);
    }
    return false;
  }
  [[nodiscard]] std::string failure() const {
    const std::string* why = telemetry_.slots[0].failed;
    return why == nullptr ? "" : *why;
  }

  std::string folder_ = "/tmp/godwit-program-XXXXXX";
  Telemetry telemetry_;
  std::optional<Engine> engine_;
};

TEST_F(ProgramLoadTest, WorkIsWhatTheProgramSaysAndNothingElse) {
  runner_does(
      "echo 'work 3'; echo; echo 'work -5'; echo 'work 99x'; echo 'worker 50'; echo 'work 2'\n"
      "printf 'wor'; echo \"k 1$2\"; head -c 9999 /dev/zero; echo; echo \"$1 work 80\" >&2\n"
      "read -r forever <fifo");
  ASSERT_EQ(0, mkfifo(file("fifo").c_str(), 0600));
  engine_->start(plan_of("program,name=nginx,clients=7"));
  EXPECT_TRUE(await([this] { return telemetry_.work() == 17; })) << telemetry_.work();
  EXPECT_EQ("", failure());
}

TEST_F(ProgramLoadTest, ItsWholeGroupEndsWithTheLoad) {
  runner_does(
      "sh -c 'echo $$ >>pids; n=0; while :; do n=$((n+1)); echo work $n; sleep 0.01; done' &\n"
      "sh -c 'echo $$ >>pids; exec sleep 1000' & wait");
  engine_->start(plan_of("program,name=redis"));
  EXPECT_TRUE(await([this] { return telemetry_.work() > 5; }));
  std::vector<pid_t> pids;
  EXPECT_TRUE(await([&] {
    std::ifstream in(file("pids"));
    pids.assign(std::istream_iterator<pid_t>(in), {});
    return pids.size() == 2;
  }));
  EXPECT_EQ("", engine_->change(plan_of("cpu")));
  for (const pid_t pid : pids) EXPECT_NE(0, kill(pid, 0)) << pid;
}

TEST_F(ProgramLoadTest, RestsOutsideItsPhase) {
  runner_does("echo $$ >pids; n=0; while :; do n=$((n+1)); echo work $n; done");
  const auto stopped = [this] {
    std::string pid, name, state;
    std::ifstream(file("pids")) >> pid;
    std::ifstream("/proc/" + pid + "/stat") >> pid >> name >> state;
    return state == "T";
  };
  engine_->start(plan_of("program,name=redis@10ms;idle@60m"));
  EXPECT_TRUE(await([&] { return telemetry_.slots[1].ticking && stopped(); }));
  EXPECT_EQ("", engine_->change(plan_of("program,name=redis@20ms;idle@10ms")));
  EXPECT_TRUE(await(stopped));
  const std::int64_t before = telemetry_.slots[0].work;
  EXPECT_TRUE(await([&] { return telemetry_.slots[0].work > before; }))
      << "and goes on in the next";
}

TEST_F(ProgramLoadTest, AnEndIsReportedWithTheLastWords) {
  ASSERT_EQ(0, mkfifo(file("fifo").c_str(), 0600));
  runner_does(
      "echo work 1; read -r go <fifo; echo first >&2; printf 'out of \\200luck\\n\\n' >&2; exit 3");
  engine_->start(plan_of("program,name=postgres+cpu"));
  EXPECT_EQ("", failure());
  std::ofstream(file("fifo")) << "go\n";
  EXPECT_TRUE(await([this] { return !failure().empty(); }));
  EXPECT_EQ("postgres ended: out of ?luck", failure());
  const std::int64_t transforms = telemetry_.slots[1].work;
  EXPECT_TRUE(await([&] { return telemetry_.slots[1].work > transforms + 3; }));
}

TEST_F(ProgramLoadTest, OneThatNeverWorkedLeavesTheFormerLoadRunning) {
  engine_->start(plan_of("cpu"));
  EXPECT_EQ(file("runner") + ": No such file or directory; the former load runs again",
            engine_->change(plan_of("program,name=redis")));
  runner_does("echo 'this guest has no programs' >&2; exit 1");
  EXPECT_EQ("redis ended: this guest has no programs; the former load runs again",
            engine_->change(plan_of("program,name=redis")));
}

}  // namespace
}  // namespace godwit::guest
