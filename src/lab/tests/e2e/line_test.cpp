#include "line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/probe/round_trip.h"
#include "lab_fixture.h"
#include "netns.h"
#include "network.h"

namespace godwit::lab {
namespace {

constexpr Seconds kRoundTrip{0.02};

class LabLine : public LabTest {
 protected:
  [[nodiscard]] LabSpec far() const {
    LabSpec far = spec();
    far.round_trip = kRoundTrip;
    return far;
  }
  [[nodiscard]] pid_t line_pid() const {
    pid_t pid = 0;
    std::ifstream(lab_folder(prefix_) + "/line.pid") >> pid;
    return pid;
  }
  [[nodiscard]] std::optional<Seconds> round_trip(const LabStatus& lab, std::size_t from,
                                                  std::size_t to) {
    return probe::measure_round_trip(lab.hosts[to].migration_address, lab.hosts[from].netns,
                                     clock_);
  }
  /// One that ended and that nobody has waited for yet has no command line any more.
  static bool lives(pid_t pid) { return pid > 0 && !facts_of(pid).arguments.empty(); }
  template <class Holds>
  bool comes_true(const Holds& holds) {
    const TimePoint give_up = clock_.now() + Seconds(60);
    while (!holds()) {
      if (clock_.now() > give_up) return false;
      (void)clock_.wait_until(clock_.now() + Seconds(0.01), {});
    }
    return true;
  }

  RealClock clock_;
};

/// How much longer a ping takes on a busy machine is that machine's matter: docs/disks.md has it.
TEST_F(LabLine, APingTakesTheRoundTripBetweenAnyTwoHosts) {
  LabSpec three = far();
  three.hosts = {"a", "b", "c"};
  const auto lab = up(three);
  ASSERT_TRUE(good(lab));
  EXPECT_EQ(lab->spec.round_trip, kRoundTrip);
  EXPECT_TRUE(lab->complete);
  for (const auto& [from, to] :
       std::vector<std::pair<std::size_t, std::size_t>>{{0, 1}, {1, 0}, {2, 0}, {1, 2}}) {
    const auto took = round_trip(*lab, from, to);
    ASSERT_TRUE(took) << from << to;
    EXPECT_GE(*took, kRoundTrip) << "none is ahead of its time";
  }
}

/// All of a stream of so many bytes, each of which tells its place.
constexpr std::size_t kStream = 20'000'000;
std::uint8_t byte_at(std::size_t place) {
  return static_cast<std::uint8_t>(place * 31 >> 7);
}

sockaddr_in address_of(const std::string& host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(7000);
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}
const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<UniqueFd> tcp_in(const std::string& netns) {
  return in_netns(netns, []() -> Result<UniqueFd> {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{60, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
  });
}

TEST_F(LabLine, AConnectionCarriesEveryByteAtTheNetworksRate) {
  LabSpec fast = far();
  fast.migration_rate = BytesPerSecond(125e6);
  const auto lab = up(fast);
  ASSERT_TRUE(good(lab));
  auto listener = tcp_in(lab->hosts[1].netns);
  auto sender = tcp_in(lab->hosts[0].netns);
  ASSERT_TRUE(good(listener) && good(sender));
  const sockaddr_in there = address_of(lab->hosts[1].migration_address);
  ASSERT_EQ(0, bind(listener->get(), generic(there), sizeof there));
  ASSERT_EQ(0, listen(listener->get(), 1));
  ASSERT_EQ(0, connect(sender->get(), generic(there), sizeof there));
  const UniqueFd receiver(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::jthread sending([&sender] {
    std::vector<std::uint8_t> all(kStream);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = byte_at(i);
    for (std::size_t sent = 0; sent < all.size();) {
      const ssize_t n = send(sender->get(), all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
    shutdown(sender->get(), SHUT_WR);
  });
  std::vector<std::uint8_t> buffer(1 << 16);
  std::size_t place = 0;
  bool right = true;
  for (ssize_t n = 0; (n = recv(receiver.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      right = right && buffer[i] == byte_at(place++);
    }
  }
  EXPECT_TRUE(right);
  EXPECT_EQ(place, kStream);
}

TEST_F(LabLine, AnInterfaceThatWasDownCarriesAgain) {
  const auto lab = up(far());
  ASSERT_TRUE(good(lab));
  ASSERT_TRUE(round_trip(*lab, 0, 1));
  const auto link = [&](const char* state) {
    return shell(prefix_, "b", {"ip", "link", "set", kMigrationInterface, state});
  };
  ASSERT_EQ(0, link("down").value());
  EXPECT_FALSE(round_trip(*lab, 0, 1));
  ASSERT_EQ(0, link("up").value());
  EXPECT_TRUE(round_trip(*lab, 0, 1));
}

TEST_F(LabLine, DownEndsIt) {
  ASSERT_TRUE(good(up(far())));
  const pid_t line = line_pid();
  ASSERT_TRUE(lives(line));
  EXPECT_TRUE(line_runs(prefix_));
  ASSERT_TRUE(good(down(prefix_)));
  EXPECT_FALSE(line_runs(prefix_));
  EXPECT_FALSE(lives(line));
}

TEST_F(LabLine, ALabWhoseLineDiedIsNotWhole) {
  ASSERT_TRUE(good(up(far())));
  ASSERT_TRUE(good(kill_and_wait(pin_process(line_pid()))));
  EXPECT_FALSE(status(prefix_)->complete);
  const auto host = find_host(prefix_, "b");
  ASSERT_FALSE(host);
  EXPECT_EQ(ErrorCode::kNotFound, host.error().code);
  EXPECT_NE(std::string::npos, host.error().what_to_do.text().find("lab down"));
  ASSERT_TRUE(good(up(far()))) << "and is built anew";
  EXPECT_TRUE(status(prefix_)->complete);
}

/// Before the line begins, and as soon as it has.
TEST_F(LabLine, ABuilderKilledAtAnyMomentLeavesNoneBehindDown) {
  for (const bool has_begun : {false, true}) {
    const pid_t builder = fork();
    if (builder == 0) {
      (void)up(far());
      _exit(0);
    }
    ASSERT_TRUE(comes_true(
        [&] { return has_begun ? line_pid() > 0 : !traces_of(prefix_).namespaces.empty(); }));
    kill(builder, SIGKILL);
    waitpid(builder, nullptr, 0);
    const pid_t line = line_pid();
    ASSERT_TRUE(good(down(prefix_)));
    ASSERT_FALSE(lives(line)) << has_begun;
    ASSERT_EQ(before_.namespaces, traces_of(prefix_).namespaces) << has_begun;
  }
}

}  // namespace
}  // namespace godwit::lab
