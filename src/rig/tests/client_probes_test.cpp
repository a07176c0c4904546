#include "godwit/rig/client_probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::rig {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = ClientTask::Kind;

constexpr const char* kClient = "10.77.0.1";

TEST(ClientTasks, EachLoadOfTheNetworkHasItsClient) {
  EXPECT_THAT(client_tasks("tcp-send,peer=10.77.0.1:7102,rate=1MB/s", kClient),
              ElementsAre(ClientTask{Kind::kTakeTcp, 7102, "tcp-send"}));
  EXPECT_THAT(client_tasks("udp-send,peer=10.77.0.1:7103,rate=1MB/s", kClient),
              ElementsAre(ClientTask{Kind::kTakeUdp, 7103, "udp-send"}));
  EXPECT_THAT(client_tasks("tcp-receive,port=7100", kClient),
              ElementsAre(ClientTask{Kind::kSendTcp, 7100, "tcp-receive"}));
  EXPECT_THAT(client_tasks("udp-receive,port=7101", kClient),
              ElementsAre(ClientTask{Kind::kSendUdp, 7101, "udp-receive"}));
  EXPECT_THAT(client_tasks("http,port=80", kClient),
              ElementsAre(ClientTask{Kind::kAskHttp, 80, "http"}));
}

TEST(ClientTasks, AreThoseOfEveryTrackAndPhaseOnce) {
  EXPECT_THAT(client_tasks("http,port=80@1s;idle@1s;http,port=80@2s"
                           "+memory-write,set=8MiB,rate=10MB/s+tcp-receive,port=7100",
                           kClient),
              ElementsAre(ClientTask{Kind::kAskHttp, 80, "http"},
                          ClientTask{Kind::kSendTcp, 7100, "tcp-receive"}));
}

TEST(ClientTasks, WhatGoesElsewhereOrIsNoLoadAsksForNothing) {
  EXPECT_THAT(client_tasks("udp-send,peer=10.77.0.9:7103,rate=1MB/s", kClient), IsEmpty());
  EXPECT_THAT(client_tasks("cpu,full+disk-read,set=8MiB,rate=full", kClient), IsEmpty());
  EXPECT_THAT(client_tasks("juggle", kClient), IsEmpty());
  EXPECT_THAT(client_tasks("", kClient), IsEmpty());
}

}  // namespace
}  // namespace godwit::rig
