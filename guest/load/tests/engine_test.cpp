// The loads themselves, on this machine: small, and awaited by their counters.
#include "engine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>
#include <thread>

#include "control_server.h"
#include "godwit/guest/http.h"
#include "reporter.h"
#include "socket.h"
#include "ticker.h"

namespace godwit::guest {
namespace {

constexpr std::uint32_t kLoopback = 0x7f000001;

LoadPlan plan_of(const std::string& text) {
  const ParsedPlan parsed = parse_load_plan(text);
  EXPECT_TRUE(parsed.plan) << parsed.error;
  return parsed.plan.value_or(LoadPlan{});
}

// Ports that were free just now.
std::string free_tcp_port() {
  return std::to_string(port_of(listen_tcp(0)));
}
std::string free_udp_port() {
  return std::to_string(port_of(bind_udp(0)));
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    std::string pattern = "/tmp/godwit-guest-XXXXXX";
    const Fd fd(mkstemp(pattern.data()));
    EXPECT_EQ(0, ftruncate(fd.get(), 1 << 20));
    disk_ = pattern;
    engine_.emplace(telemetry_, disk_, "/nonexistent/runner");
  }
  ~EngineTest() override {
    engine_.reset();
    stop_.ask();
    unlink(disk_.c_str());
  }

  // Its disk's folder may not be able to do without the page cache, as some tmpfs are not.
  [[nodiscard]] bool has_direct_disk() const {
    return Fd(open(disk_.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC)).valid();
  }
  // False after a minute; checks that the sum of all work never goes back.
  bool await(const std::function<bool()>& wanted) {
    const std::int64_t give_up_ns = now_ns() + 60'000 * kNsPerMs;
    while (!wanted() && now_ns() < give_up_ns) {
      const std::int64_t work = telemetry_.work();
      EXPECT_GE(work, work_seen_);
      work_seen_ = work;
      (void)poll(nullptr, 0, 1);
    }
    return wanted();
  }
  [[nodiscard]] std::int64_t work_of(std::size_t slot) const {
    return telemetry_.slots.at(slot).work - telemetry_.slots.at(slot).work_base;
  }
  bool each_works(const std::string& text) {
    const LoadPlan plan = plan_of(text);
    EXPECT_EQ("", engine_->change(plan));
    return await([this, &plan] {
      for (std::size_t i = 0; i < plan.loads(); ++i) {
        if (work_of(i) < 3) return false;
      }
      return true;
    });
  }

  Telemetry telemetry_;
  StopSignal stop_;
  std::string disk_;
  std::optional<Engine> engine_;
  std::int64_t work_seen_ = 0;
};

TEST_F(EngineTest, EveryLoadWorks) {
  engine_->start(plan_of("idle"));
  std::jthread ticker([this] { run_ticker(stop_, telemetry_); });
  EXPECT_TRUE(each_works("idle"));
  EXPECT_TRUE(each_works("cpu+cpu,duty=20%"));
  EXPECT_TRUE(each_works("memory-write,set=64KiB,rate=1MB/s,fill=8KiB"));
  EXPECT_TRUE(each_works("memory-read,set=64KiB,rate=full+memory-write,set=8KiB,rate=full"));
  EXPECT_TRUE(each_works("memory-write,set=64KiB,rate=full,silent=50%"));
  EXPECT_TRUE(each_works(
      "memory-heap,set=640KiB,rate=full+memory-heap,set=640KiB,rate=full,pattern=sequential"));
  std::string port = free_tcp_port();
  EXPECT_TRUE(
      each_works("tcp-receive,port=" + port + "+tcp-send,peer=127.0.0.1:" + port + ",rate=1MB/s"));
  port = free_udp_port();
  EXPECT_TRUE(each_works("udp-receive,port=" + port + "+udp-send,peer=127.0.0.1:" + port +
                         ",rate=1MB/s,size=32B"));
  EXPECT_TRUE(each_works("cpu@20ms;idle@30ms+idle@50ms;memory-write,set=4KiB,rate=full@10ms"));
  stop_.ask();
}

TEST_F(EngineTest, DisksAreWrittenAndRead) {
  if (!has_direct_disk()) GTEST_SKIP() << "no direct access to files in /tmp";
  engine_->start(plan_of("idle"));
  EXPECT_TRUE(
      each_works("disk-write,set=1MiB,rate=full,block=4KiB+disk-read,set=68KiB,rate=1MB/s"));
  EXPECT_TRUE(each_works("disk-read,set=100KiB,rate=full,cache=none,pattern=sequential"));
  const std::string error = engine_->change(plan_of("disk-write,set=2MiB,rate=full"));
  EXPECT_NE(error.find("the disk"), std::string::npos) << error;
}

TEST_F(EngineTest, PagesAreServedOverOneConnection) {
  const std::string port = free_tcp_port();
  engine_->start(plan_of("http,page=1000B,port=" + port));
  const Fd fd = connect_tcp(kLoopback, std::stoll(port));
  const std::string get = "GET / HTTP/1.1\r\nHost: guest\r\n\r\n";
  const std::string requests = get + get + "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(static_cast<ssize_t>(requests.size()),
            send(fd.get(), requests.data(), requests.size(), MSG_NOSIGNAL));
  std::string answers;
  std::array<char, 4096> buffer{};
  pollfd ready{fd.get(), POLLIN, 0};
  while (poll(&ready, 1, 30'000) == 1) {
    const ssize_t got = recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    answers.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const std::size_t head = http_head({HttpRequest::Kind::kGet, 0, true}, 1000).size();
  const std::size_t last = http_head({HttpRequest::Kind::kHead, 0, false}, 1000).size();
  EXPECT_EQ(answers.size(), 2 * (head + 1000) + last) << "and then it hangs up";
  EXPECT_EQ(work_of(0), 3);
}

TEST_F(EngineTest, WhatCannotBeMadeLeavesTheFormerLoadRunning) {
  engine_->start(plan_of("cpu"));
  for (const std::string load :
       {"memory-write,set=60000GiB,rate=full", "tcp-send,peer=127.0.0.1:1,rate=full"}) {
    const std::string error = engine_->change(plan_of(load));
    EXPECT_NE(error.find("the former load runs again"), std::string::npos) << error;
    EXPECT_EQ(telemetry_.state, State::kReady);
    EXPECT_TRUE(await([this] { return work_of(0) > 3; }));
  }
  unlink(disk_.c_str());
  const std::string error = engine_->change(plan_of("disk-read,set=1MiB,rate=full"));
  EXPECT_NE(error.find("this guest has no disk"), std::string::npos) << error;
}

TEST_F(EngineTest, ABrokenConnectionIsNotMadeAnewAndSaysSo) {
  const Fd listener = listen_tcp(0);
  engine_->start(
      plan_of("tcp-send,rate=full,peer=127.0.0.1:" + std::to_string(port_of(listener)) + "+cpu"));
  { const Fd peer(accept(listener.get(), nullptr, nullptr)); }
  EXPECT_TRUE(await([this] { return telemetry_.slots[0].failed != nullptr; }));
  const std::int64_t sent = work_of(0);
  const std::int64_t transforms = work_of(1);
  EXPECT_TRUE(await([&] { return work_of(1) > transforms + 3; })) << "the other load goes on";
  EXPECT_EQ(sent, work_of(0));
}

// One connection to a control server that runs beside an engine.
class ControlServerTest : public EngineTest {
 protected:
  ControlServerTest() {
    engine_->start(plan_of("cpu"));
    threads_[0] = std::jthread([this] { reporter_.run(stop_, telemetry_); });
    threads_[1] = std::jthread([this] { control_->run(Until(stop_)); });
  }
  ~ControlServerTest() override {
    stop_.ask();
    for (std::jthread& thread : threads_) thread.join();
    control_.reset();
  }

  [[nodiscard]] Fd connected() const { return connect_tcp(kLoopback, control_->port()); }
  static void say(const Fd& fd, const std::string& text) {
    EXPECT_EQ(static_cast<ssize_t>(text.size()),
              send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL));
  }
  // What comes up to a line's end, or until the connection ends.
  static std::string line_from(const Fd& fd) {
    std::string line;
    char c = 0;
    pollfd ready{fd.get(), POLLIN, 0};
    while (poll(&ready, 1, 30'000) == 1 && recv(fd.get(), &c, 1, 0) == 1 && c != '\n') line += c;
    return line;
  }

  Reporter reporter_{"/dev/null"};
  std::optional<ControlServer> control_{std::in_place, 0, *engine_, reporter_};
  std::array<std::jthread, 2> threads_;
};

TEST_F(ControlServerTest, ChangesTheLoadAndTellsTheNewestReport) {
  const Fd fd = connected();
  say(fd, "load memory-write,set=64KiB,rate=full+cpu,duty=10%\n");
  EXPECT_EQ("ok", line_from(fd));
  EXPECT_TRUE(
      await([this] { return reporter_.newest().find("\"changes\":1") < std::string::npos; }));
  say(fd, "status\n");
  EXPECT_NE(line_from(fd).find("\"changes\":1,\"works\":[{\"load\":\"memory-write\""),
            std::string::npos);
  say(fd, "load cpu,dut");
  say(fd, "y=5%\nload burn\n");
  EXPECT_EQ("ok", line_from(fd));
  EXPECT_EQ("error character 1: unknown load 'burn'", line_from(fd).substr(0, 38));
}

TEST_F(ControlServerTest, HostileInputNeverEndsTheLoadThatRuns) {
  const std::string binary("\0\xff\x80load idle\n\x01", 15);
  for (const std::string& text :
       {std::string("load id"), std::string(200'000, 'x'), binary, std::string(5000, '\n'),
        "status\nload " + std::string(4000, '+') + "\nload idle@1s;;\n"}) {
    const Fd fd = connected();
    say(fd, text);  // and hangs up
  }
  std::vector<Fd> many;
  for (int i = 0; i < 20; ++i) many.push_back(connected());
  const Fd fd = connected();
  say(fd, "nonsense\n");
  EXPECT_EQ("error unknown command: say load SPEC, status or poweroff", line_from(fd));
  EXPECT_EQ(0, telemetry_.changes);
  const std::int64_t work = work_of(0);
  EXPECT_TRUE(await([this, work] { return work_of(0) > work + 3; }));
}

}  // namespace
}  // namespace godwit::guest
