#include "godwit/probe/http_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "http_answer.h"
#include "testing_peers.h"

namespace godwit::probe {
namespace {

using testing::HasSubstr;

const std::string kPage = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

HttpProbeOptions to(const WebServer& server) {
  HttpProbeOptions options;
  options.target = "127.0.0.1";
  options.port = server.port();
  return options;
}

RC_GTEST_PROP(HttpAnswer, IsReadHoweverItIsCut, ()) {
  const auto length = static_cast<std::size_t>(*rc::gen::inRange(0, 3000));
  const std::string text =
      "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length:  " + std::to_string(length) + "\r\n\r\n" +
      std::string(length, 'p');
  HttpAnswer answer;
  HttpAnswer::State state = HttpAnswer::State::kUnfinished;
  for (std::string_view left = text; !left.empty();) {
    RC_ASSERT(state == HttpAnswer::State::kUnfinished);
    const auto piece = static_cast<std::size_t>(*rc::gen::inRange(1, 1000));
    state = answer.feed(left.substr(0, piece));
    left.remove_prefix(std::min(piece, left.size()));
  }
  RC_ASSERT(state == HttpAnswer::State::kDone);
  RC_ASSERT(answer.keeps_alive());
}

RC_GTEST_PROP(HttpAnswer, AnyTextIsAnAnswerOrRefused, (const std::vector<std::string>& pieces)) {
  HttpAnswer answer;
  for (const std::string& piece : pieces) {
    if (answer.feed(piece) != HttpAnswer::State::kUnfinished) return;
  }
}

TEST(HttpAnswer, SaysWhatIsWrong) {
  const auto why = [](const std::string& text) {
    HttpAnswer answer;
    EXPECT_EQ(HttpAnswer::State::kBroken, answer.feed(text)) << text;
    return answer.why();
  };
  EXPECT_THAT(why("SSH-2.0-\x1b[31m"), HasSubstr("SSH-2.0-?[31m"));
  EXPECT_THAT(why("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), HasSubstr("503 Busy"));
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\n\r\n"), HasSubstr("no Content-Length"));
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), HasSubstr("'-1'"));
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
              HasSubstr("'9999"));
  EXPECT_THAT(why(kPage + "more"), HasSubstr("more than it announced"));
  EXPECT_THAT(why("HTTP/1.1 200 OK\r\n" + std::string(20'000, 'x')), HasSubstr("no end"));
}

TEST(HttpProbe, AsksOverOneConnection) {
  std::atomic<int> asked{0};
  WebServer server([&asked](std::string_view) {
    ++asked;
    return kPage;
  });
  HttpProbe probe(to(server));
  ASSERT_TRUE(probe.start(Seconds{10}));
  ASSERT_TRUE(comes_true([&asked] { return asked > 20; }));
  const auto report = probe.stop(Seconds{5});
  ASSERT_TRUE(report);
  EXPECT_EQ(1, server.connections());
  EXPECT_EQ("", report->trouble);
  const auto all = summarize_latencies(report->samples, kFirstMoment, kLastMoment);
  EXPECT_EQ(asked.load(), all.requests);
  EXPECT_EQ(0, all.failed);
  EXPECT_GT(all.p50, Seconds{0});
}

/// One request alone would have seen the pause; all that fell due meanwhile did.
TEST(HttpProbe, APauseIsSeenByEveryRequestThatFellDueInIt) {
  std::atomic<bool> pause{false};
  WebServer server([&pause](std::string_view) {
    if (pause.exchange(false)) wait_for(Seconds{0.3});  // the length that is to be measured
    return kPage;
  });
  HttpProbe probe(to(server));
  ASSERT_TRUE(probe.start(Seconds{10}));
  pause = true;
  wait_for(Seconds{0.5});
  const auto report = probe.stop(Seconds{5});
  ASSERT_TRUE(report);
  const auto longer_than = [&](Seconds than) {
    return std::count_if(report->samples.begin(), report->samples.end(),
                         [than](const HttpSample& s) { return s.latency && *s.latency > than; });
  };
  EXPECT_GE(longer_than(Seconds{0.29}), 1);
  EXPECT_GE(longer_than(Seconds{0.2}), 9) << "those that were due in its first 100 ms";
  EXPECT_GE(longer_than(Seconds{0.1}), 19);
}

TEST(HttpProbe, WhatIsNeverAnsweredIsATimeoutAndNothingHangs) {
  WebServer server([](std::string_view) -> std::string { return " "; });
  HttpProbeOptions options = to(server);
  options.timeout = Seconds{0.05};
  HttpProbe probe(options);
  const auto started = probe.start(Seconds{0.3});
  ASSERT_FALSE(started);
  EXPECT_EQ(ErrorCode::kTimeout, started.error().code);
}

TEST(HttpProbe, GarbageIsNamed) {
  WebServer server([](std::string_view) { return "220 mail.example ESMTP\r\n"; });
  HttpProbe probe(to(server));
  const auto started = probe.start(Seconds{0.3});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("220 mail"));
}

TEST(HttpProbe, AnEndlessHeadIsCutShort) {
  WebServer server(
      [](std::string_view) { return "HTTP/1.1 200 OK\r\n" + std::string(1 << 20, 'x'); });
  HttpProbe probe(to(server));
  const auto started = probe.start(Seconds{0.3});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("no end"));
}

TEST(HttpProbe, NobodyThereIsNamed) {
  HttpProbeOptions options;
  {
    const WebServer gone([](std::string_view) { return kPage; });
    options = to(gone);
  }
  HttpProbe probe(options);
  const auto started = probe.start(Seconds{0.2});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("Connection refused"));
}

TEST(HttpProbe, ARequestThatIsHungUponHasFailedAndTheNextGoesOverANewConnection) {
  std::atomic<int> asked{0};
  WebServer server([&asked](std::string_view) { return ++asked == 3 ? std::string() : kPage; });
  HttpProbe probe(to(server));
  ASSERT_TRUE(probe.start(Seconds{10}));
  ASSERT_TRUE(comes_true([&asked] { return asked > 6; }));
  const auto report = probe.stop(Seconds{5});
  ASSERT_TRUE(report);
  const auto all = summarize_latencies(report->samples, kFirstMoment, kLastMoment);
  EXPECT_EQ(2, server.connections());
  EXPECT_EQ(1, all.failed);
  EXPECT_EQ(asked.load(), all.requests);
  EXPECT_THAT(report->trouble, HasSubstr("hung up"));
}

TEST(HttpProbe, UnansweredRequestsFailOneByOne) {
  std::atomic<bool> silent{false};
  WebServer server([&silent](std::string_view) {
    if (silent) wait_for(Seconds{0.4});
    return kPage;
  });
  HttpProbeOptions options = to(server);
  options.timeout = Seconds{0.05};
  HttpProbe probe(options);
  ASSERT_TRUE(probe.start(Seconds{10}));
  silent = true;
  wait_for(Seconds{0.2});
  const auto report = probe.stop(Seconds{0});
  ASSERT_TRUE(report);
  EXPECT_GE(summarize_latencies(report->samples, kFirstMoment, kLastMoment).failed, 10);
}

TEST(HttpProbe, WhatCannotBeMeantIsRefused) {
  HttpProbe nowhere({"guest", 80});
  EXPECT_EQ(ErrorCode::kBadInput, nowhere.start(Seconds{1}).error().code);
  HttpProbe restless({"127.0.0.1", 80, std::nullopt, Seconds{0}});
  EXPECT_EQ(ErrorCode::kBadInput, restless.start(Seconds{1}).error().code);
  EXPECT_FALSE(restless.stop(Seconds{0}));
}

class HttpCable : public CableTest {};

TEST_F(HttpCable, ACutIsSeenInTheLatencies) {
  WebServer server([](std::string_view) { return kPage; }, far());
  HttpProbe probe({"10.79.0.2", server.port(), near()});
  ASSERT_TRUE(probe.start(Seconds{10}));
  run("ip -n " + near_ + " link set dev cable0 down");
  wait_for(Seconds{0.3});
  run("ip -n " + near_ + " link set dev cable0 up");
  const auto report = probe.stop(Seconds{20});
  ASSERT_TRUE(report);
  const auto all = summarize_latencies(report->samples, kFirstMoment, kLastMoment);
  EXPECT_GE(all.p99, Seconds{0.25});
  EXPECT_EQ(0, all.failed);
}

}  // namespace
}  // namespace godwit::probe
