#include "godwit/probe/message_sender.h"

#include <gtest/gtest.h>

#include "godwit/probe/message_probe.h"
#include "testing_peers.h"

namespace godwit::probe {
namespace {

MessageSenderOptions to(Transport transport, int port) {
  MessageSenderOptions options;
  options.transport = transport;
  options.target = "127.0.0.1";
  options.port = port;
  options.rate = BytesPerSecond(200e3);
  options.message_bytes = 500;
  return options;
}

class SendsBy : public testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(MessageSender, SendsBy, testing::Values(Transport::kTcp, Transport::kUdp));

TEST_P(SendsBy, WhatItSendsArrivesInOrder) {
  const auto probe = MessageProbe::listen({GetParam()}).value();
  MessageSender sender(to(GetParam(), probe->port()));
  ASSERT_TRUE(sender.start(Seconds{5}));
  ASSERT_TRUE(probe->start(Seconds{10}));
  wait_for(Seconds{0.3});
  const auto seen = probe->stop(Seconds{10});
  const auto sent = sender.stop(Seconds{5});
  ASSERT_TRUE(seen && sent);
  EXPECT_GT(seen->received, 20);
  EXPECT_GE(sent->sent, seen->received);
  EXPECT_EQ(0, seen->lost);
  EXPECT_EQ(0, seen->out_of_order);
  EXPECT_EQ("", sent->trouble);
  EXPECT_EQ(GetParam() == Transport::kTcp, sent->outage().has_value());
}

TEST(MessageSender, AReceiverThatReadsNothingEndsInAGap) {
  const UniqueFd listener = std::move(*listen_on(Transport::kTcp, 0, std::nullopt));
  const int small = 4096;
  setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  MessageSenderOptions options = to(Transport::kTcp, port_of(listener).value());
  options.rate = BytesPerSecond(50e6);
  MessageSender sender(options);
  ASSERT_TRUE(sender.start(Seconds{5}));
  wait_for(Seconds{0.4});
  const auto sent = sender.stop(Seconds{0});
  ASSERT_TRUE(sent);
  ASSERT_TRUE(sent->longest_gap);
  EXPECT_GE(*sent->longest_gap, Seconds{0.2});
}

TEST(MessageSender, AnOutageThatGoesOnAtTheEndIsNotCutShort) {
  const UniqueFd listener = std::move(*listen_on(Transport::kTcp, 0, std::nullopt));
  MessageSenderOptions options = to(Transport::kTcp, port_of(listener).value());
  options.rate = BytesPerSecond(50e6);
  MessageSender sender(options);
  ASSERT_TRUE(sender.start(Seconds{5}));
  pollfd ready{listener.get(), POLLIN, 0};
  ASSERT_EQ(1, ::poll(&ready, 1, 10'000));
  const UniqueFd peer(::accept(listener.get(), nullptr, nullptr));
  wait_for(Seconds{0.1});  // what the kernel takes for the peer is full by then
  const std::jthread reader([&peer] {
    wait_for(Seconds{0.3});  // the length that is to be measured
    std::string buffer(1 << 16, '\0');
    while (::recv(peer.get(), buffer.data(), buffer.size(), 0) > 0) {
    }
  });
  const auto sent = sender.stop(Seconds{10});
  ::shutdown(peer.get(), SHUT_RDWR);  // ends the reader
  ASSERT_TRUE(sent);
  EXPECT_GE(sent->longest_gap, Seconds{0.2}) << "until it is read on, not until the stop";
}

TEST(MessageSender, AReceiverThatHangsUpIsTold) {
  const UniqueFd listener = std::move(*listen_on(Transport::kTcp, 0, std::nullopt));
  MessageSender sender(to(Transport::kTcp, port_of(listener).value()));
  ASSERT_TRUE(sender.start(Seconds{5}));
  pollfd ready{listener.get(), POLLIN, 0};
  ASSERT_EQ(1, ::poll(&ready, 1, 10'000));
  ::close(::accept(listener.get(), nullptr, nullptr));
  wait_for(Seconds{0.3});
  const auto sent = sender.stop(Seconds{5});
  ASSERT_TRUE(sent);
  EXPECT_NE("", sent->trouble);
}

TEST(MessageSender, NobodyThereIsNamedAndImpossibleMessagesAreRefused) {
  int port = 0;
  {
    const UniqueFd gone = std::move(*listen_on(Transport::kTcp, 0, std::nullopt));
    port = port_of(gone).value();
  }
  MessageSender lonely(to(Transport::kTcp, port));
  const auto started = lonely.start(Seconds{5});
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kPeerGone, started.error().code);
  MessageSenderOptions options = to(Transport::kUdp, port);
  options.message_bytes = 31;
  EXPECT_EQ(ErrorCode::kBadInput, MessageSender(options).start(Seconds{1}).error().code);
}

}  // namespace
}  // namespace godwit::probe
