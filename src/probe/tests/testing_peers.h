#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/guest/message.h"
#include "peer_socket.h"

/// Peers of the probes under test.

namespace godwit::probe {

/// For what comes in a moment, on the busiest machine too. Nothing waits that long but a failure.
constexpr Seconds kEnough{60};
/// Times of one event by two clocks, or of two threads' readings of one.
constexpr Seconds kClocksDiffer{0.005};

/// True as soon as it holds; false when it doesn't for kEnough.
template <class Condition>
bool comes_true(const Condition& holds) {
  RealClock clock;
  const TimePoint give_up = clock.now() + kEnough;
  while (!holds()) {
    if (clock.now() >= give_up) return false;
    clock.wait_until(clock.now() + Seconds{0.002}, {});
  }
  return true;
}

/// Lets a state last for at least that long. Returns how long it did: that is what a probe has
/// to measure, however busy the machine is.
inline Seconds outlast(Seconds at_least) {
  RealClock clock;
  const TimePoint began = clock.now();
  (void)comes_true([&] { return clock.now() - began >= at_least; });
  return clock.now() - began;
}

/// For what shows only afterwards whether others had time to do it: tries with a tenth of a second,
/// then with ever more.
template <class Attempt>
bool given_time(const Attempt& succeeds_with) {
  for (Seconds time{0.1}; time < kEnough; time = time * 2.0) {
    if (succeeds_with(time)) return true;
    if (testing::Test::HasFailure()) return false;
  }
  return false;
}

/// Stops those who pass while it is closed.
class Gate {
 public:
  void close() { set(false); }
  void open() { set(true); }
  /// Returns when it is open.
  void pass() {
    std::unique_lock lock(mutex_);
    if (!open_) ++waiting_;
    (void)changed_.wait_for(lock, kEnough, [this] { return open_; });
  }
  [[nodiscard]] bool holds_somebody() {
    const std::lock_guard lock(mutex_);
    return !open_ && waiting_ > 0;
  }

 private:
  void set(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    waiting_ = 0;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
};

inline std::string message(std::uint64_t sequence, std::size_t bytes = 64,
                           std::uint64_t stream = 1) {
  std::string text(bytes, 'x');
  guest::write_header({static_cast<std::uint32_t>(bytes), sequence, 0, stream},
                      std::span<char>(text).first<guest::kMessageHeaderBytes>());
  return text;
}

inline UniqueFd connected(Transport transport, const std::string& address, int port,
                          const std::optional<std::string>& netns = std::nullopt) {
  auto fd = begin_connecting(transport, address, port, netns);
  EXPECT_TRUE(fd);
  pollfd ready{fd->get(), POLLOUT, 0};
  EXPECT_EQ(1, ::poll(&ready, 1, 60'000));
  return std::move(*fd);
}

/// Also over a connection that the other side has closed.
inline bool send_all(const UniqueFd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) {
      pollfd ready{fd.get(), POLLOUT, 0};
      if (::poll(&ready, 1, 60'000) != 1) return false;
    } else {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  return true;
}

/// A web server of one connection at a time. For each piece that comes it sends what `answer`
/// gives; an empty text ends the connection.
class WebServer {
 public:
  explicit WebServer(std::function<std::string(std::string_view)> answer,
                     const std::optional<std::string>& netns = std::nullopt)
      : answer_(std::move(answer)) {
    auto listener = listen_on(Transport::kTcp, 0, netns);
    EXPECT_TRUE(listener);
    listener_ = std::move(*listener);
    port_ = port_of(listener_).value();
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  static bool readable(int fd, const std::stop_token& stop) {
    pollfd ready{fd, POLLIN, 0};
    while (!stop.stop_requested()) {
      if (::poll(&ready, 1, 20) == 1) return true;
    }
    return false;
  }
  void run(const std::stop_token& stop) {
    while (readable(listener_.get(), stop)) {
      const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK));
      ++connections_;
      std::array<char, 4096> buffer{};
      while (readable(peer.get(), stop)) {
        const ssize_t got = ::recv(peer.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) break;
        const std::string text = answer_({buffer.data(), static_cast<std::size_t>(got)});
        if (text.empty() || !send_all(peer, text)) break;
      }
    }
  }

  std::function<std::string(std::string_view)> answer_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::jthread thread_;
};

/// A listener that takes a connection and never reads of its own accord.
class Sink {
 public:
  Sink() : listener_(std::move(*listen_on(Transport::kTcp, 0, std::nullopt))) {
    const int small = 4096;  // soon full
    EXPECT_EQ(0, setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
  }
  [[nodiscard]] int port() const { return port_of(listener_).value(); }
  [[nodiscard]] UniqueFd accepted() const {
    pollfd ready{listener_.get(), POLLIN, 0};
    EXPECT_EQ(1, ::poll(&ready, 1, 60'000));
    return UniqueFd(::accept(listener_.get(), nullptr, nullptr));
  }

 private:
  UniqueFd listener_;
};

/// Two namespaces with a cable between them: 10.79.0.1 here, 10.79.0.2 there. Needs root.
class CableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    run("ip netns add " + near_);
    run("ip netns add " + far_);
    run("ip -n " + near_ + " link add name cable0 type veth peer name cable0 netns " + far_);
    run("ip -n " + near_ + " address add 10.79.0.1/24 dev cable0");
    run("ip -n " + far_ + " address add 10.79.0.2/24 dev cable0");
    run("ip -n " + near_ + " link set dev cable0 up");
    run("ip -n " + far_ + " link set dev cable0 up");
    ASSERT_FALSE(HasFailure());
  }
  void TearDown() override {
    (void)!std::system(("ip netns delete " + near_ + " 2>/dev/null").c_str());
    (void)!std::system(("ip netns delete " + far_ + " 2>/dev/null").c_str());
  }
  static void run(const std::string& line) { EXPECT_EQ(0, std::system(line.c_str())) << line; }
  void cut() const { run("ip -n " + far_ + " link set dev cable0 down"); }
  void mend() const { run("ip -n " + far_ + " link set dev cable0 up"); }
  [[nodiscard]] std::string near() const { return "/run/netns/" + near_; }
  [[nodiscard]] std::string far() const { return "/run/netns/" + far_; }
  std::string near_ = "godwit-probe-near-" + std::to_string(getpid());
  std::string far_ = "godwit-probe-far-" + std::to_string(getpid());
};

}  // namespace godwit::probe
