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
  void pause(bool on) { paused_ = on; }

 private:
  void run(const std::stop_token& stop) {
    RealClock clock;
    for (std::uint64_t number = 0; clock.wait_until(clock.now() + Seconds{0.005}, stop);) {
      // an error of UDP on a cut cable is a message lost
      if (!paused_) (void)send_all(fd_, message(number++));
    }
  }
  UniqueFd fd_;
  std::atomic<bool> paused_{false};
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
  ASSERT_TRUE(probe->start(Seconds{10}));
  wait_for(Seconds{0.1});
  RealClock clock;
  talker.pause(true);
  const TimePoint began = clock.now();
  wait_for(Seconds{0.3});  // the length that is to be measured
  const Seconds pause = clock.now() - began;
  talker.pause(false);
  const auto report = probe->stop(Seconds{10});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->longest_gap, pause - Seconds{0.01});
  EXPECT_GE(report->usual_gap, Seconds{0.004});
  EXPECT_LT(report->outage(), report->longest_gap);
  EXPECT_GT(report->received, 10);
  EXPECT_EQ(0, report->lost);
  EXPECT_EQ(0, report->out_of_order);
  EXPECT_EQ("", report->trouble);
}

TEST_P(EitherTransport, IsMeasuredAgainOverTheSameConnection) {
  const auto probe = listening(GetParam());
  Talker talker(GetParam(), "127.0.0.1", probe->port());
  ASSERT_TRUE(probe->start(Seconds{10}));
  talker.pause(true);
  wait_for(Seconds{0.2});
  talker.pause(false);
  RealClock clock;
  const auto first = probe->stop(Seconds{10});
  ASSERT_TRUE(probe->start(Seconds{10}));
  const auto later = probe->stop(Seconds{10}, clock.wall_us());
  ASSERT_TRUE(first && later);
  EXPECT_GE(first->longest_gap, Seconds{0.15});
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

/// Begins to measure, with message 0 as the first that is seen (sent until it is).
void start_with_message_0(MessageProbe& probe, const UniqueFd& peer) {
  const std::jthread sender([&peer](const std::stop_token& stop) {
    RealClock clock;
    while (send_all(peer, message(0)) && clock.wait_until(clock.now() + Seconds{0.005}, stop)) {
    }
  });
  EXPECT_TRUE(probe.start(Seconds{10}));
}

TEST(MessageProbe, CountsDatagramsThatAreMissingOrLateAndNothingElse) {
  const auto probe = listening(Transport::kUdp);
  const UniqueFd peer = connected(Transport::kUdp, "127.0.0.1", probe->port());
  start_with_message_0(*probe, peer);
  for (const std::uint64_t number : {1U, 4U, 3U}) send_all(peer, message(number));
  send_all(peer, "no message");
  send_all(peer, message(5).substr(0, 31));
  (void)::send(peer.get(), "", 0, 0);
  send_all(peer, message(6));
  const auto report = probe->stop(Seconds{1});
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
    const auto started = probe->start(Seconds{0.5});
    ASSERT_FALSE(started);
    EXPECT_THAT(started.error().message, HasSubstr("no message of a guest's load"));
  }
  Talker talker(Transport::kTcp, "127.0.0.1", probe->port());
  EXPECT_TRUE(probe->start(Seconds{10}));
}

TEST(MessageProbe, AConnectionThatEndsInAMessageIsTold) {
  const auto probe = listening(Transport::kTcp);
  {
    const UniqueFd peer = connected(Transport::kTcp, "127.0.0.1", probe->port());
    start_with_message_0(*probe, peer);
    send_all(peer, message(1).substr(0, 20));
  }
  const auto report = probe->stop(Seconds{1});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->trouble, HasSubstr("the connection ended"));
}

TEST(MessageProbe, ANewConnectionTakesThePlaceOfOneThatNeverEnds) {
  const auto probe = listening(Transport::kTcp);
  const UniqueFd silent = connected(Transport::kTcp, "127.0.0.1", probe->port());
  const Talker talker(Transport::kTcp, "127.0.0.1", probe->port());
  const auto started = probe->start(Seconds{20});
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
  ASSERT_TRUE(probe->start(Seconds{10}));
  wait_for(Seconds{0.2});
  const auto report = probe->stop(Seconds{10});
  ASSERT_TRUE(report);
  EXPECT_GT(report->received, 1000);
  EXPECT_EQ(0, report->lost);
}

class MessageCable : public CableTest {};

TEST_F(MessageCable, DatagramsLostOnACutCableAreCounted) {
  const auto probe = listening(Transport::kUdp, near());
  Talker talker(Transport::kUdp, "10.79.0.1", probe->port(), far());
  ASSERT_TRUE(probe->start(Seconds{10}));
  run("ip -n " + near_ + " link set dev cable0 down");
  wait_for(Seconds{0.2});
  run("ip -n " + near_ + " link set dev cable0 up");
  const auto report = probe->stop(Seconds{10});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->lost, 0);
  EXPECT_GE(report->longest_gap, Seconds{0.19});
}

TEST_F(MessageCable, ATcpConnectionOutlivesACut) {
  const auto probe = listening(Transport::kTcp, near());
  Talker talker(Transport::kTcp, "10.79.0.1", probe->port(), far());
  ASSERT_TRUE(probe->start(Seconds{10}));
  wait_for(Seconds{0.1});  // of what is usual
  run("ip -n " + near_ + " link set dev cable0 down");
  wait_for(Seconds{0.3});
  run("ip -n " + near_ + " link set dev cable0 up");
  const auto report = probe->stop(Seconds{20});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GE(report->outage(), Seconds{0.28});
  EXPECT_EQ(0, report->lost);
  EXPECT_EQ("", report->trouble);
}

}  // namespace
}  // namespace godwit::probe
