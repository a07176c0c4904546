#include "godwit/probe/message_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "message_stream.h"
#include "testing_peers.h"

namespace godwit::probe {
namespace {

using testing::HasSubstr;

std::unique_ptr<MessageProbe> listening(Transport transport,
                                        const std::optional<std::string>& netns = std::nullopt) {
  auto probe = MessageProbe::listen({transport, 0, netns});
  EXPECT_TRUE(probe) << probe.error().message;
  return std::move(*probe);
}

/// Sends messages to a probe, every 5 ms in a thread of its own, until told to pause.
class Talker {
 public:
  Talker(Transport transport, const std::string& address, int port,
         const std::optional<std::string>& netns = std::nullopt)
      : fd_(connected(transport, address, port, netns)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}
  /// Nothing is on its way to being sent once this returns.
  void pause(bool on) {
    const std::lock_guard lock(mutex_);
    paused_ = on;
  }
  /// Returns when it has sent that many more.
  [[nodiscard]] bool sends(std::uint64_t many) const {
    const std::uint64_t wanted = sent_ + many;
    return comes_true([&] { return sent_ >= wanted; });
  }

 private:
  void run(const std::stop_token& stop) {
    RealClock clock;
    while (clock.wait_until(clock.now() + Seconds{0.005}, stop)) {
      const std::lock_guard lock(mutex_);
      if (paused_) continue;
      (void)send_all(fd_, message(sent_));  // an error of UDP on a cut cable is a message lost
      ++sent_;
    }
  }
  UniqueFd fd_;
  std::mutex mutex_;
  bool paused_ = false;
  std::atomic<std::uint64_t> sent_{0};
  std::jthread thread_;
};

RC_GTEST_PROP(MessageStream, FindsEveryMessageHoweverItIsCut, ()) {
  const auto sizes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(32, 300));
  std::string bytes;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    bytes += message(i, static_cast<std::size_t>(sizes[i]));
  }
  MessageStream stream;
  std::vector<std::uint64_t> found;
  for (std::string_view left = bytes; !left.empty();) {
    const auto piece = static_cast<std::size_t>(*rc::gen::inRange(1, 400));
    RC_ASSERT(stream.feed(left.substr(0, piece),
                          [&](const auto& header) { found.push_back(header.sequence); }));
    left.remove_prefix(std::min(piece, left.size()));
  }
  RC_ASSERT(found.size() == sizes.size());
  for (std::size_t i = 0; i < found.size(); ++i) RC_ASSERT(found[i] == i);
}

RC_GTEST_PROP(MessageStream, AnyBytesAreTakenOrRefused, (const std::string& bytes)) {
  MessageStream stream;
  int found = 0;
  const bool good = stream.feed(bytes, [&](const auto&) { ++found; });
  RC_ASSERT(!good || found <= static_cast<int>(bytes.size() / 32));
}

class EitherTransport : public testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(MessageProbe, EitherTransport,
                         testing::Values(Transport::kTcp, Transport::kUdp));

TEST_P(EitherTransport, APauseIsSeenAsSuch) {
  const auto probe = listening(GetParam());
  Talker talker(GetParam(), "127.0.0.1", probe->port());
  ASSERT_TRUE(probe->start(kEnough));
  ASSERT_TRUE(talker.sends(20));
  talker.pause(true);
  const Seconds pause = outlast(Seconds{0.1});
  talker.pause(false);
  const auto report = probe->stop(kEnough);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->longest_gap, pause - kClocksDiffer);
  EXPECT_GE(report->usual_gap, Seconds{0.004}) << "it sends no faster";
  EXPECT_LT(report->outage(), report->longest_gap);
  EXPECT_GE(report->received, 20);
  EXPECT_EQ(0, report->lost);
  EXPECT_EQ(0, report->out_of_order);
  EXPECT_EQ("", report->trouble);
}

TEST_P(EitherTransport, IsMeasuredAgainOverTheSameConnection) {
  const auto probe = listening(GetParam());
  Talker talker(GetParam(), "127.0.0.1", probe->port());
  ASSERT_TRUE(probe->start(kEnough));
  talker.pause(true);
  const Seconds pause = outlast(Seconds{0.1});
  talker.pause(false);
  RealClock clock;
  const auto first = probe->stop(kEnough);
  ASSERT_TRUE(probe->start(kEnough));
  const auto later = probe->stop(kEnough, clock.wall_us());
  ASSERT_TRUE(first && later);
  EXPECT_GE(first->longest_gap, pause - kClocksDiffer);
  EXPECT_EQ(0, later->lost) << "what came before is not missing";
}

TEST_P(EitherTransport, SilenceIsATimeoutThatNamesThePort) {
  const auto probe = listening(GetParam());
  const auto started = probe->start(Seconds{0.05});
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kTimeout, started.error().code);
  EXPECT_THAT(started.error().message, HasSubstr(std::to_string(probe->port())));
  EXPECT_FALSE(started.error().what_to_do.empty());
  EXPECT_FALSE(probe->stop(Seconds{0}));
}

TEST_P(EitherTransport, ATakenPortIsBusy) {
  const auto probe = listening(GetParam());
  const auto second = MessageProbe::listen({GetParam(), probe->port()});
  ASSERT_FALSE(second);
  EXPECT_EQ(ErrorCode::kBusy, second.error().code);
}

/// Sends one message again and again: a probe is sure to see it, and what was sent before it.
std::jthread repeat(const UniqueFd& peer, std::uint64_t number) {
  return std::jthread([&peer, number](const std::stop_token& stop) {
    RealClock clock;
    while (send_all(peer, message(number)) &&
           clock.wait_until(clock.now() + Seconds{0.005}, stop)) {
    }
  });
}

/// Begins to measure, with message 0 as the first that is seen.
void start_with_message_0(MessageProbe& probe, const UniqueFd& peer) {
  const std::jthread sender = repeat(peer, 0);
  EXPECT_TRUE(probe.start(kEnough));
}

TEST(MessageProbe, CountsDatagramsThatAreMissingOrLateAndNothingElse) {
  const auto probe = listening(Transport::kUdp);
  const UniqueFd peer = connected(Transport::kUdp, "127.0.0.1", probe->port());
  start_with_message_0(*probe, peer);
  for (const std::uint64_t number : {1U, 4U, 3U}) send_all(peer, message(number));
  send_all(peer, "no message");
  send_all(peer, message(5).substr(0, 31));
  (void)::send(peer.get(), "", 0, 0);
  const std::jthread last = repeat(peer, 6);
  const auto report = probe->stop(kEnough);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(5, report->received);
  EXPECT_EQ(2, report->lost) << "2 and 5";
  EXPECT_EQ(1, report->out_of_order) << "3";
}

TEST(MessageProbe, WhatIsNoMessageEndsTheConnectionAndTheNextOneIsTaken) {
  const auto probe = listening(Transport::kTcp);
  std::string impossible = message(0);
  impossible.replace(4, 4, "\xff\xff\xff\xff");
  for (const std::string& bytes : {std::string(64, 'x'), impossible}) {
    const UniqueFd hostile = connected(Transport::kTcp, "127.0.0.1", probe->port());
    ASSERT_TRUE(send_all(hostile, bytes));
    EXPECT_TRUE(given_time([&](Seconds patience) {
      const auto started = probe->start(patience);
      EXPECT_FALSE(started);
      return !started &&
             started.error().message.find("no message of a guest's load") != std::string::npos;
    }));
  }
  Talker talker(Transport::kTcp, "127.0.0.1", probe->port());
  EXPECT_TRUE(probe->start(kEnough));
}

TEST(MessageProbe, AConnectionThatEndsInAMessageIsTold) {
  const auto probe = listening(Transport::kTcp);
  {
    const UniqueFd peer = connected(Transport::kTcp, "127.0.0.1", probe->port());
    start_with_message_0(*probe, peer);
    send_all(peer, message(1).substr(0, 20));
  }
  EXPECT_TRUE(comes_true([&probe] {
    const auto report = probe->stop(Seconds{0});
    return report && report->trouble.find("the connection ended") != std::string::npos;
  }));
}

TEST(MessageProbe, ANewConnectionTakesThePlaceOfOneThatNeverEnds) {
  const auto probe = listening(Transport::kTcp);
  const UniqueFd silent = connected(Transport::kTcp, "127.0.0.1", probe->port());
  const Talker talker(Transport::kTcp, "127.0.0.1", probe->port());
  const auto started = probe->start(kEnough);
  EXPECT_TRUE(started) << started.error().message;
}

TEST(MessageProbe, EndlessDataNeitherHangsNorGrowsIt) {
  const auto probe = listening(Transport::kTcp);
  const UniqueFd peer = connected(Transport::kTcp, "127.0.0.1", probe->port());
  const std::jthread flood([&peer](const std::stop_token& stop) {
    std::string many;
    for (std::uint64_t number = 0; !stop.stop_requested(); number += 1000) {
      many.clear();
      for (std::uint64_t i = 0; i < 1000; ++i) many += message(number + i, 32);
      if (!send_all(peer, many)) return;
    }
  });
  ASSERT_TRUE(probe->start(kEnough));
  EXPECT_TRUE(comes_true([&probe] { return probe->stop(Seconds{0})->received > 1000; }));
  EXPECT_EQ(0, probe->stop(kEnough)->lost);
}

class MessageCable : public CableTest {};

TEST_F(MessageCable, DatagramsLostOnACutCableAreCounted) {
  const auto probe = listening(Transport::kUdp, near());
  Talker talker(Transport::kUdp, "10.79.0.1", probe->port(), far());
  ASSERT_TRUE(probe->start(kEnough));
  run("ip -n " + near_ + " link set dev cable0 down");
  const Seconds cut = outlast(Seconds{0.1});
  EXPECT_TRUE(talker.sends(5));
  run("ip -n " + near_ + " link set dev cable0 up");
  const auto report = probe->stop(kEnough);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->lost, 0);
  EXPECT_GE(report->longest_gap, cut - kClocksDiffer);
}

TEST_F(MessageCable, ATcpConnectionOutlivesACut) {
  const auto probe = listening(Transport::kTcp, near());
  Talker talker(Transport::kTcp, "10.79.0.1", probe->port(), far());
  ASSERT_TRUE(probe->start(kEnough));
  run("ip -n " + near_ + " link set dev cable0 down");
  const Seconds cut = outlast(Seconds{0.1});
  run("ip -n " + near_ + " link set dev cable0 up");
  const auto report = probe->stop(kEnough);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->longest_gap, cut - kClocksDiffer);
  EXPECT_EQ(0, report->lost);
  EXPECT_EQ("", report->trouble);
}

}  // namespace
}  // namespace godwit::probe
