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
  options.timeout = kEnough;  // nothing fails because the machine is busy
  return options;
}

std::int64_t wall_us() {
  return RealClock().wall_us();
}

/// Those that fell due in that time, by the machine's wall clock.
std::vector<HttpSample> due_within(const std::vector<HttpSample>& samples, std::int64_t from_us,
                                   std::int64_t until_us) {
  std::vector<HttpSample> within;
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(within),
               [&](const HttpSample& sample) {
                 return from_us <= sample.due_wall_us && sample.due_wall_us < until_us;
               });
  return within;
}

/// Requests fall due with the clock, so an outage of that length has that many at least.
std::size_t due_in(std::int64_t from_us, std::int64_t until_us) {
  constexpr std::int64_t kEvery = 10'000;
  return static_cast<std::size_t>(std::max<std::int64_t>(0, (until_us - from_us) / kEvery - 1));
}

/// None was answered before the outage was over.
void expect_seen_by_all(const std::vector<HttpSample>& samples, std::int64_t from_us,
                        std::int64_t until_us) {
  const auto seen = due_within(samples, from_us, until_us);
  EXPECT_GE(seen.size(), due_in(from_us, until_us));
  EXPECT_GE(seen.size(), 5u);
  for (const HttpSample& sample : seen) {
    const Seconds left(1e-6 * static_cast<double>(until_us - sample.due_wall_us));
    // one that failed took longer than any answer
    EXPECT_GE(sample.latency.value_or(left), left - kClocksDiffer);
  }
}

/// A probe of it does not start, and says why as soon as it knows.
void expect_refused(const HttpProbeOptions& options, const std::string& why) {
  EXPECT_TRUE(given_time([&](Seconds patience) {
    const auto started = HttpProbe(options).start(patience);
    EXPECT_FALSE(started);
    return !started && started.error().message.find(why) != std::string::npos;
  })) << why;
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
  ASSERT_TRUE(probe.start(kEnough));
  ASSERT_TRUE(comes_true([&asked] { return asked > 20; }));
  const auto report = probe.stop(kEnough);
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
  Gate gate;
  WebServer server([&gate](std::string_view) {
    gate.pass();
    return kPage;
  });
  HttpProbe probe(to(server));
  ASSERT_TRUE(probe.start(kEnough));
  gate.close();
  ASSERT_TRUE(comes_true([&gate] { return gate.holds_somebody(); }));
  const std::int64_t began = wall_us();
  outlast(Seconds{0.1});
  const std::int64_t ended = wall_us();
  gate.open();
  const auto report = probe.stop(kEnough);
  ASSERT_TRUE(report);
  expect_seen_by_all(report->samples, began, ended);
  EXPECT_EQ("", report->trouble);
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
  expect_refused(to(server), "220 mail");
}

TEST(HttpProbe, AnEndlessHeadIsCutShort) {
  WebServer server(
      [](std::string_view) { return "HTTP/1.1 200 OK\r\n" + std::string(1 << 20, 'x'); });
  expect_refused(to(server), "no end");
}

TEST(HttpProbe, NobodyThereIsNamed) {
  HttpProbeOptions options;
  {
    const WebServer gone([](std::string_view) { return kPage; });
    options = to(gone);
  }
  expect_refused(options, "Connection refused");
}

TEST(HttpProbe, ARequestThatIsHungUponHasFailedAndTheNextGoesOverANewConnection) {
  std::atomic<int> asked{0};
  WebServer server([&asked](std::string_view) { return ++asked == 3 ? std::string() : kPage; });
  HttpProbe probe(to(server));
  ASSERT_TRUE(probe.start(kEnough));
  ASSERT_TRUE(comes_true([&asked] { return asked > 6; }));
  const auto report = probe.stop(kEnough);
  ASSERT_TRUE(report);
  const auto all = summarize_latencies(report->samples, kFirstMoment, kLastMoment);
  EXPECT_EQ(2, server.connections());
  EXPECT_EQ(1, all.failed);
  EXPECT_EQ(asked.load(), all.requests);
  EXPECT_THAT(report->trouble, HasSubstr("hung up"));
}

TEST(HttpProbe, UnansweredRequestsFailOneByOne) {
  Gate gate;
  WebServer server([&gate](std::string_view) {
    gate.pass();
    return kPage;
  });
  HttpProbeOptions options = to(server);
  options.timeout = Seconds{0.05};
  HttpProbe probe(options);
  ASSERT_TRUE(probe.start(kEnough));
  gate.close();
  ASSERT_TRUE(comes_true([&gate] { return gate.holds_somebody(); }));
  const std::int64_t began = wall_us();
  outlast(Seconds{0.2});
  const std::int64_t ended = wall_us();
  const auto report = probe.stop(Seconds{0});
  gate.open();
  ASSERT_TRUE(report);
  const auto unanswered = due_within(report->samples, began, ended);
  EXPECT_GE(unanswered.size(), due_in(began, ended));
  EXPECT_GE(unanswered.size(), 10u);
  for (const HttpSample& sample : unanswered) EXPECT_FALSE(sample.latency);
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
  HttpProbeOptions options{"10.79.0.2", server.port(), near()};
  options.timeout = kEnough;
  HttpProbe probe(options);
  ASSERT_TRUE(probe.start(kEnough));
  run("ip -n " + near_ + " link set dev cable0 down");
  const std::int64_t began = wall_us();
  outlast(Seconds{0.1});
  const std::int64_t ended = wall_us();
  run("ip -n " + near_ + " link set dev cable0 up");
  const auto report = probe.stop(kEnough);
  ASSERT_TRUE(report);
  expect_seen_by_all(report->samples, began, ended);
}

}  // namespace
}  // namespace godwit::probe
