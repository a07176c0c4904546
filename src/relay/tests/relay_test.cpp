#include "godwit/relay/relay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "peers.h"

namespace godwit::relay {
namespace {

constexpr std::size_t kMany = std::size_t{8} << 20;

class RelayTest : public testing::Test {
 protected:
  RelayTest() { start(std::nullopt); }
  void start(std::optional<BytesPerSecond> link) {
    auto relay = Relay::start(clock_, link);
    if (!relay) throw std::runtime_error(relay.error().message);
    relay_ = std::move(*relay);
  }
  std::unique_ptr<RelayedPath> open(const Destination& destination,
                                    const PathOptions& options = {}) {
    auto path = relay_->open(destination.address(), options);
    if (!path) throw std::runtime_error(path.error().message);
    return std::move(*path);
  }
  template <class Seen>
  void await(const std::string& what, Seen seen) {
    const TimePoint give_up = clock_.now() + Seconds(60);
    while (!seen()) {
      if (clock_.now() > give_up) throw std::runtime_error("it never came to this: " + what);
      (void)clock_.wait_until(clock_.now() + Seconds(0.002), {});
    }
  }
  /// As much as its socket takes at once.
  static void fill(const UniqueFd& socket) {
    const std::string some(16384, 'x');
    while (::send(socket.get(), some.data(), some.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
    }
  }
  static auto sending(const UniqueFd& socket, const std::string& bytes) {
    return std::async(std::launch::async, [&] { return send_all(socket, bytes); });
  }

  RealClock clock_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayTest, CarriesEveryByteBothWays) {
  const Destination destination;
  const auto path = open(destination);
  const UniqueFd source = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  const std::string down = noise(kMany, 1);
  const std::string up = noise(kMany, 2);
  auto sent_down = sending(source, down);
  auto sent_up = sending(there, up);
  auto got_up = std::async(std::launch::async, [&] { return receive(source, up.size()); });
  EXPECT_TRUE(receive(there, down.size()) == down);
  EXPECT_TRUE(got_up.get() == up);
  EXPECT_TRUE(sent_down.get() && sent_up.get());
  const PathStats stats = path->stats();
  EXPECT_EQ(stats.to_destination.count(), static_cast<std::int64_t>(kMany));
  EXPECT_EQ(stats.to_source.count(), static_cast<std::int64_t>(kMany));
  EXPECT_EQ(stats.channels, 1);
  EXPECT_FALSE(stats.failure);
}

/// A port that nobody has.
int free_port() {
  const Destination nobody;
  return nobody.address().port;
}

TEST_F(RelayTest, ByAPortOfThisHostItCarriesAsWell) {
  PathOptions options;
  options.local_port = free_port();
  const Destination destination;
  const auto path = open(destination, options);
  EXPECT_EQ(path->uri(), fmt::format("tcp:127.0.0.1:{}", *options.local_port));
  const auto again = relay_->open(destination.address(), options);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kBusy);
  const UniqueFd source = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  const std::string down = noise(kMany, 1);
  auto sent_down = sending(source, down);
  EXPECT_TRUE(receive(there, down.size()) == down);
  EXPECT_TRUE(sent_down.get());
  ASSERT_TRUE(send_all(there, "taken in"));
  EXPECT_EQ(receive(source, 8), "taken in");
}

/// With this host's own segments it would begin with megabytes.
TEST_F(RelayTest, AtAPortOfThisHostNoMoreWaitsThanInAUnixSocket) {
  PathOptions options;
  options.local_port = free_port();
  options.rate = BytesPerSecond(100e3);
  const Destination destination;
  const auto path = open(destination, options);
  const UniqueFd source = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  std::int64_t taken = 0;
  const std::string some(16384, 'x');
  while (true) {
    const ssize_t sent =
        ::send(source.get(), some.data(), some.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) break;
    taken += sent;
  }
  EXPECT_GT(taken, 0);
  EXPECT_LE(taken - path->stats().to_destination.count(), 256 << 10);
}

TEST_F(RelayTest, AClosedDirectionIsClosedThereAndTheOtherGoesOn) {
  const Destination destination;
  const auto path = open(destination);
  const UniqueFd source = connect_to(path->uri());
  UniqueFd there = destination.accept();
  ASSERT_TRUE(send_all(source, "all of memory"));
  close_sending(source);
  EXPECT_EQ(receive_all(there), "all of memory");
  ASSERT_TRUE(send_all(there, "taken in"));
  there.reset();
  EXPECT_EQ(receive_all(source), "taken in");
  await("the channel's end", [&] { return path->stats().channels == 0; });
  EXPECT_FALSE(path->stats().failure) << path->stats().failure->message;
}

/// As QEMU's source does at the end of a migration.
TEST_F(RelayTest, ASourceThatClosesAtOnceLosesNothingOfWhatItSent) {
  const Destination destination;
  PathOptions slow;
  slow.rate = 2_MB_per_s;
  const auto path = open(destination, slow);
  const std::string bytes = noise(150'000, 1);
  {
    const UniqueFd source = connect_to(path->uri());
    ASSERT_TRUE(send_all(source, bytes));
  }
  UniqueFd there = destination.accept();
  EXPECT_TRUE(send_all(there, "nobody reads this"));
  EXPECT_TRUE(receive_all(there) == bytes);
  there.reset();
  await("the channel's end", [&] { return path->stats().channels == 0; });
}

TEST_F(RelayTest, AConnectionThatIsHandedOverIsAChannelWithAShortQueue) {
  const Destination destination;
  PathOptions options;
  options.rate = 10_MB_per_s;
  const auto path = open(destination, options);
  Result<UniqueFd> source = path->connect();
  ASSERT_TRUE(source) << source.error().message;
  int most = 0;
  socklen_t size = sizeof most;
  ASSERT_EQ(::getsockopt(source->get(), SOL_SOCKET, SO_SNDBUF, &most, &size), 0);
  EXPECT_EQ(most, 50'000) << "5 ms";
  const UniqueFd there = destination.accept();
  const std::string bytes = noise(1'000'000, 6);
  auto sent = sending(*source, bytes);
  EXPECT_TRUE(receive(there, bytes.size()) == bytes);
  EXPECT_TRUE(sent.get());
  source->reset();
  EXPECT_EQ(receive_all(there), "");
}

/// A channel that says nothing first is told apart by its place in the order.
TEST_F(RelayTest, ConnectionsArriveInTheirOrder) {
  const Destination destination;
  const auto path = open(destination);
  std::vector<UniqueFd> sources;
  for (int i = 0; i < 24; ++i) sources.push_back(connect_to(path->uri()));
  for (int i = 23; i >= 0; --i) ASSERT_TRUE(send_all(sources[i], fmt::format("{:02}", i)));
  for (int i = 0; i < 24; ++i) {
    const UniqueFd there = destination.accept();
    EXPECT_EQ(receive(there, 2), fmt::format("{:02}", i));
  }
  EXPECT_EQ(path->stats().channels_opened, 24);
}

TEST_F(RelayTest, ManyChannelsAtOnceKeepTheirBytesApart) {
  const Destination destination;
  const auto path = open(destination);
  std::vector<std::thread> peers;
  std::vector<std::future<bool>> whole;
  for (unsigned i = 0; i < 18; ++i) {
    auto source = std::make_shared<UniqueFd>(connect_to(path->uri()));
    auto there = std::make_shared<UniqueFd>(destination.accept());
    peers.emplace_back([source, i] {
      (void)send_all(*source, noise(500'000 + i, i));
      close_sending(*source);
    });
    whole.push_back(std::async(
        std::launch::async, [there, i] { return receive_all(*there) == noise(500'000 + i, i); }));
  }
  for (unsigned i = 0; i < 18; ++i) EXPECT_TRUE(whole[i].get()) << i;
  for (std::thread& one : peers) one.join();
}

TEST_F(RelayTest, ADestinationThatRefusesIsAConnectionThatBreaksAndItIsSaid) {
  Destination destination;
  const auto path = open(destination);
  destination.stop_listening();
  const UniqueFd source = connect_to(path->uri());
  EXPECT_EQ(receive_all(source), "");
  const PathStats stats = path->stats();
  ASSERT_TRUE(stats.failure);
  EXPECT_EQ(stats.failure->code, ErrorCode::kPeerGone);
  EXPECT_THAT(stats.failure->message, testing::HasSubstr("refused"));
  EXPECT_THAT(stats.failure->message,
              testing::HasSubstr(std::to_string(destination.address().port)));
  EXPECT_FALSE(stats.failure->what_to_do.empty());
  EXPECT_EQ(stats.channels, 0);
}

/// A post-copy whose link is dead is resumed by the next connection, and so waits for this one's
/// end.
TEST_F(RelayTest, ADestinationThatDoesNotAnswerIsGivenUpAndTheNextConnectionArrives) {
  Destination destination;
  const auto path = open(destination);
  destination.fall_silent();
  const UniqueFd source = connect_to(path->uri());
  EXPECT_EQ(receive_all(source), "");
  const PathStats stats = path->stats();
  ASSERT_TRUE(stats.failure) << "within the minute after which this test gives up reading";
  EXPECT_THAT(stats.failure->message, testing::HasSubstr("timed out"));
  (void)destination.accept();  // there is room again
  const UniqueFd next = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  ASSERT_TRUE(send_all(next, "the rest"));
  EXPECT_EQ(receive(there, 8), "the rest");
}

/// Also while the source says nothing and could not notice by itself.
TEST_F(RelayTest, AConnectionThatTheDestinationResetsBreaksAtTheSource) {
  const Destination destination;
  const auto path = open(destination);
  const UniqueFd source = connect_to(path->uri());
  UniqueFd there = destination.accept();
  ASSERT_TRUE(send_all(source, "abc"));
  ASSERT_EQ(receive(there, 3), "abc");
  reset(std::move(there));
  EXPECT_EQ(receive_all(source), "");
  EXPECT_FALSE(send_all(source, "more"));
  const PathStats stats = path->stats();
  ASSERT_TRUE(stats.failure);
  EXPECT_THAT(stats.failure->message, testing::HasSubstr("reset"));
}

TEST_F(RelayTest, ADestinationThatEndsMidwayBreaksASourceThatWaitsToSend) {
  const Destination destination(4096);
  const auto path = open(destination);
  const UniqueFd source = connect_to(path->uri());
  UniqueFd there = destination.accept();
  const std::string bytes(std::size_t{64} << 20, 'x');
  auto sent = sending(source, bytes);
  ASSERT_EQ(receive(there, 1000).size(), 1000U);
  there.reset();
  EXPECT_FALSE(sent.get());
}

TEST_F(RelayTest, APathThatIsCutBreaksBothSidesAndTakesNewConnections) {
  const Destination destination;
  const auto path = open(destination);
  const UniqueFd source = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  ASSERT_TRUE(send_all(source, "abc"));
  ASSERT_EQ(receive(there, 3), "abc");
  path->cut();
  EXPECT_EQ(receive_all(source), "");
  EXPECT_EQ(receive_all(there), "");
  EXPECT_FALSE(send_all(there, "more"));
  const UniqueFd again = connect_to(path->uri());
  const UniqueFd there_again = destination.accept();
  ASSERT_TRUE(send_all(again, "resumed"));
  EXPECT_EQ(receive(there_again, 7), "resumed");
}

TEST_F(RelayTest, APathThatEndsLeavesNeitherConnectionsNorFiles) {
  const Destination destination;
  auto path = open(destination);
  const std::filesystem::path socket = path->uri().substr(5);
  EXPECT_TRUE(std::filesystem::is_socket(socket));
  const UniqueFd source = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  relay_.reset();
  ASSERT_TRUE(send_all(source, "a path outlives its relay"));
  ASSERT_EQ(receive(there, 25), "a path outlives its relay");
  path.reset();
  EXPECT_EQ(receive_all(source), "");
  EXPECT_EQ(receive_all(there), "");
  EXPECT_FALSE(std::filesystem::exists(socket.parent_path()));
}

/// The sender is held back as by the connection itself; all arrives once the receiver reads.
TEST_F(RelayTest, AReceiverThatDoesNotReadHoldsTheSenderBack) {
  const Destination destination(65536);
  PathOptions options;
  options.rate = 100_MB_per_s;
  const auto path = open(destination, options);
  const UniqueFd source = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  const std::string bytes = noise(kMany, 3);
  auto sent = sending(source, bytes);
  Bytes last(0);
  int looks_alike = 0;
  await("a sender that is held back", [&] {
    const Bytes before = std::exchange(last, path->stats().to_destination);
    looks_alike = last > Bytes(0) && last == before ? looks_alike + 1 : 0;
    return looks_alike == 25;
  });
  EXPECT_LT(path->stats().to_destination, 4_MB);
  EXPECT_LT(path->stats().queued, 4_MB);
  EXPECT_TRUE(receive(there, bytes.size()) == bytes);
  EXPECT_TRUE(sent.get());
}

/// Shared out among channels, the queue was so short that all of them waited for the receivers'
/// words, and the path lost its share of the link (docs/relay.md).
TEST_F(RelayTest, EachOfManyChannelsMayFillTheWholeQueue) {
  const Destination destination(4096);
  PathOptions options;
  options.rate = 8_MB_per_s;
  options.queue = Seconds(0.04);  // 320 kB
  const auto path = open(destination, options);
  std::vector<UniqueFd> peers;
  for (int i = 0; i < 16; i += 2) {
    peers.push_back(connect_to(path->uri()));
    peers.push_back(destination.accept());
  }
  const std::string bytes = noise(kMany, 6);
  constexpr std::size_t kRead = 2'000'000;  // 250 ms: queues are bounded every 100
  auto sent = sending(peers[0], bytes);
  ASSERT_EQ(receive(peers[1], kRead).size(), kRead);
  Bytes last(0);
  int looks_alike = 0;
  await("a queue that is full by more than half", [&] {
    const Bytes before = std::exchange(last, path->stats().to_destination);
    looks_alike = last == before ? looks_alike + 1 : 0;
    return looks_alike >= 25 && (last - Bytes(kRead)).count() > 160'000;
  });
  path->cut();
  (void)sent.get();
}

Bytes most_in_a_row(const std::vector<Bytes>& grains, std::size_t row) {
  Bytes most(0);
  for (std::size_t i = 0; i + row <= grains.size(); ++i) {
    const auto from = grains.begin() + static_cast<std::ptrdiff_t>(i);
    most = std::max(most, std::accumulate(from, from + static_cast<std::ptrdiff_t>(row), 0_B));
  }
  return most;
}

TEST_F(RelayTest, NoHundredMillisecondsCarryMoreThanTheRateAllowsByOneChannelOrSixteen) {
  for (const int channels : {1, 16}) {
    const Destination destination;
    PathOptions options;
    options.rate = 20_MB_per_s;
    const auto path = open(destination, options);
    const TimePoint begin = clock_.now();
    std::vector<std::future<std::size_t>> received;
    std::vector<std::thread> senders;
    for (int i = 0; i < channels; ++i) {
      auto source = std::make_shared<UniqueFd>(connect_to(path->uri()));
      auto there = std::make_shared<UniqueFd>(destination.accept());
      senders.emplace_back([source, channels] {
        (void)send_all(*source, std::string(kMany / channels, 'x'));
        close_sending(*source);
      });
      received.push_back(
          std::async(std::launch::async, [there] { return receive_all(*there).size(); }));
    }
    std::size_t all = 0;
    for (auto& one : received) all += one.get();
    for (std::thread& one : senders) one.join();
    EXPECT_EQ(all, kMany);
    EXPECT_GE((clock_.now() - begin).count(), (kMany - 200'000) / 20e6);
    const auto grains = path->throughput(Seconds(60));
    EXPECT_LE(most_in_a_row(grains, 10).as_double(), 2e6 * 1.02 + 1);
    EXPECT_LE(most_in_a_row(grains, 1).as_double(), 2e5 * 2 + 1);
  }
}

/// What QEMU would write is in the sockets before the link opens, and the receivers' kernel takes
/// it all: both paths have something to send for seconds, however busy the machine.
TEST_F(RelayTest, TwoPathsShareTheLinkByWeight) {
  start(100_kB / Seconds(1));
  const Destination destination(1 << 20);
  std::vector<std::unique_ptr<RelayedPath>> paths;
  std::vector<UniqueFd> peers;
  for (const double weight : {3.0, 1.0}) {
    PathOptions options;
    options.weight = weight;
    paths.push_back(open(destination, options));
    for (int i = 0; i < 8; ++i) {
      peers.push_back(connect_to(paths.back()->uri()));
      fill(peers.back());
      peers.push_back(destination.accept());
    }
  }
  const auto sent = [&](std::size_t i) { return paths[i]->stats().to_destination; };
  ASSERT_TRUE(relay_->set_link(1_MB_per_s));
  const Bytes before[] = {sent(0), sent(1)};
  await("half a megabyte more", [&] { return sent(0) - before[0] > 500_kB; });
  const Bytes earlier = sent(1) - before[1];
  const Bytes heavy = sent(0) - before[0];
  const Bytes later = sent(1) - before[1];
  EXPECT_GT(heavy / earlier, 2.7);
  EXPECT_LT(heavy / later, 3.3);
}

TEST_F(RelayTest, ARateMayChangeMidway) {
  const Destination destination;
  PathOptions options;
  options.rate = 100_kB / Seconds(1);
  const auto path = open(destination, options);
  const UniqueFd source = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  const std::string bytes = noise(kMany, 4);
  auto sent = sending(source, bytes);
  ASSERT_EQ(receive(there, 1).size(), 1U);
  ASSERT_TRUE(path->set_rate(std::nullopt));
  EXPECT_TRUE(receive(there, bytes.size() - 1) == bytes.substr(1)) << "80 s at the first rate";
  EXPECT_TRUE(sent.get());
}

TEST_F(RelayTest, ARoundTripIsAddedHalfEachWay) {
  const Destination destination;
  PathOptions options;
  options.round_trip = Seconds(0.05);
  const auto path = open(destination, options);
  const UniqueFd source = connect_to(path->uri());
  const UniqueFd there = destination.accept();
  for (int i = 0; i < 5; ++i) {
    const TimePoint asked = clock_.now();
    ASSERT_TRUE(send_all(source, "?"));
    ASSERT_EQ(receive(there, 1), "?");
    EXPECT_GE((clock_.now() - asked).count(), 0.025);
    ASSERT_TRUE(send_all(there, "!"));
    ASSERT_EQ(receive(source, 1), "!");
    EXPECT_GE((clock_.now() - asked).count(), 0.05);
  }
  const std::string bytes = noise(kMany, 5);
  auto sent = sending(source, bytes);
  EXPECT_TRUE(receive(there, bytes.size()) == bytes);
  EXPECT_TRUE(sent.get());
  close_sending(source);
  EXPECT_EQ(receive_all(there), "");
}

TEST_F(RelayTest, OptionsOutOfTheirRangeAreRefused) {
  const auto refused = [&](const PathOptions& options) {
    const auto path = relay_->open({"127.0.0.1", 1}, options);
    return !path && path.error().code == ErrorCode::kBadInput;
  };
  PathOptions options;
  options.rate = BytesPerSecond(99'999);
  EXPECT_TRUE(refused(options));
  options = {};
  options.weight = 0;
  EXPECT_TRUE(refused(options));
  options = {};
  options.queue = Seconds(0);
  EXPECT_TRUE(refused(options));
  options = {};
  options.round_trip = Seconds(-1);
  EXPECT_TRUE(refused(options));
  EXPECT_FALSE(relay_->set_link(BytesPerSecond(0)));
  EXPECT_EQ(relay_->open({"nowhere.invalid", 1}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace godwit::relay
