#include "godwit/probe/message_sender.h"

#include <gtest/gtest.h>

#include "godwit/probe/message_probe.h"
#include "testing_peers.h"

namespace godwit::probe {
namespace {

/// Few enough that a socket holds seconds of them: a machine that is busy loses none.
constexpr BytesPerSecond kSlow{20e3};
constexpr BytesPerSecond kFast{50e6};

MessageSenderOptions to(Transport transport, int port, BytesPerSecond rate = kSlow) {
  MessageSenderOptions options;
  options.transport = transport;
  options.target = "127.0.0.1";
  options.port = port;
  options.rate = rate;
  options.message_bytes = 500;
  return options;
}

class SendsBy : public testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(MessageSender, SendsBy, testing::Values(Transport::kTcp, Transport::kUdp));

TEST_P(SendsBy, WhatItSendsArrivesInOrder) {
  const auto probe = MessageProbe::listen({GetParam()}).value();
  MessageSender sender(to(GetParam(), probe->port()));
  ASSERT_TRUE(sender.start(kEnough));
  std::int64_t received = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(probe->start(kEnough));
    const auto seen = probe->stop(kEnough);
    ASSERT_TRUE(seen);
    EXPECT_GE(seen->received, 2) << "the first, and one after the stop was asked for";
    EXPECT_EQ(0, seen->lost);
    EXPECT_EQ(0, seen->out_of_order);
    received += seen->received;
  }
  const auto sent = sender.stop(kEnough);
  ASSERT_TRUE(sent);
  EXPECT_GE(sent->sent, received);
  EXPECT_EQ("", sent->trouble);
  EXPECT_EQ(GetParam() == Transport::kTcp, sent->outage().has_value());
}

TEST(MessageSender, AReceiverThatReadsNothingEndsInAGap) {
  EXPECT_TRUE(given_time([](Seconds time) {
    const Sink sink;
    MessageSender sender(to(Transport::kTcp, sink.port(), kFast));
    EXPECT_TRUE(sender.start(kEnough));
    outlast(time);
    const auto sent = sender.stop(Seconds{0});
    return sent && sent->longest_gap && *sent->longest_gap >= time / 2;
  }));
}

TEST(MessageSender, AnOutageThatGoesOnAtTheEndIsNotCutShort) {
  EXPECT_TRUE(given_time([](Seconds time) {
    const Sink sink;
    MessageSender sender(to(Transport::kTcp, sink.port(), kFast));
    EXPECT_TRUE(sender.start(kEnough));
    const UniqueFd peer = sink.accepted();
    outlast(time / 4);  // in it the kernel has taken what it takes for the peer
    std::atomic<bool> stopping{false};
    Seconds unread{};
    std::jthread reader([&] {
      (void)comes_true([&stopping] { return stopping.load(); });
      unread = outlast(time);
      std::string buffer(1 << 16, '\0');
      while (::recv(peer.get(), buffer.data(), buffer.size(), 0) > 0) {
      }
    });
    stopping = true;
    const auto sent = sender.stop(kEnough);
    ::shutdown(peer.get(), SHUT_RDWR);  // ends the reader
    reader.join();
    // until it is read on; to the stop alone it would be a quarter of that
    return sent && sent->longest_gap && *sent->longest_gap >= unread * 0.9;
  }));
}

TEST(MessageSender, AReceiverThatHangsUpIsTold) {
  EXPECT_TRUE(given_time([](Seconds time) {
    const Sink sink;
    MessageSender sender(to(Transport::kTcp, sink.port()));
    EXPECT_TRUE(sender.start(kEnough));
    sink.accepted().reset();
    outlast(time);  // it finds out by sending on
    const auto sent = sender.stop(Seconds{0});
    return sent && !sent->trouble.empty();
  }));
}

TEST(MessageSender, NobodyThereIsNamedAndImpossibleMessagesAreRefused) {
  int port = 0;
  {
    const UniqueFd gone = std::move(*listen_on(Transport::kTcp, 0, std::nullopt));
    port = port_of(gone).value();
  }
  MessageSender lonely(to(Transport::kTcp, port));
  const auto started = lonely.start(kEnough);
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kPeerGone, started.error().code);
  MessageSenderOptions options = to(Transport::kUdp, port);
  options.message_bytes = 31;
  EXPECT_EQ(ErrorCode::kBadInput, MessageSender(options).start(Seconds{1}).error().code);
}

}  // namespace
}  // namespace godwit::probe
