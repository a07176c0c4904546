#include "godwit/qmp/framing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

namespace godwit::qmp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Split {
  std::vector<std::string> lines;
  std::string pending;
  bool overgrown = false;
  friend bool operator==(const Split&, const Split&) = default;
};

/// Feeds `stream` cut at the given lengths (in turn, from the start again) and takes what comes.
Split split(const std::string& stream, const std::vector<std::size_t>& cuts, std::size_t bound) {
  MessageSplitter splitter(bound);
  Split result;
  std::size_t at = 0;
  for (std::size_t turn = 0; at < stream.size() && !result.overgrown; ++turn) {
    const std::size_t length = cuts[turn % cuts.size()];
    splitter.feed(std::string_view(stream).substr(at, length));
    at += length;
    auto line = splitter.next();
    for (; line && *line; line = splitter.next()) result.lines.push_back(**line);
    result.overgrown = !line.has_value();
  }
  result.pending = splitter.pending();
  return result;
}

TEST(MessageSplitter, SplitsAtNewlinesAndDropsCarriageReturns) {
  EXPECT_THAT(split("{\"a\":1}\r\n{}\n\r\n\n[", {100}, 100).lines, ElementsAre("{\"a\":1}", "{}"));
}

TEST(MessageSplitter, KeepsATornMessageUntilItsEndComes) {
  MessageSplitter splitter;
  splitter.feed("{\"ret");
  EXPECT_EQ(splitter.next().value(), std::nullopt);
  EXPECT_EQ(splitter.pending(), "{\"ret");
  splitter.feed("urn\":{}}\n");
  EXPECT_EQ(splitter.next().value(), "{\"return\":{}}");
}

TEST(MessageSplitter, RefusesAMessageBeyondTheBoundForEver) {
  MessageSplitter splitter(8);
  splitter.feed("12345678\n123456789");
  EXPECT_EQ(splitter.next().value(), "12345678");
  EXPECT_EQ(splitter.next().error().code, ErrorCode::kProtocol);
  splitter.feed("\nab\n");
  EXPECT_EQ(splitter.next().error().code, ErrorCode::kProtocol);
  EXPECT_THAT(splitter.pending(), IsEmpty());
}

TEST(MessageSplitter, TakesAMessageOverSeveralLinesAsOne) {
  const std::string event = "{\r\n    \"event\": \"STOP\",\r\n    \"data\": {\r\n    }\r\n}";
  EXPECT_THAT(split("{\"a\":1}\r\n" + event + "\r\n" + event + "\r\n{}\r\n", {3}, 100).lines,
              ElementsAre("{\"a\":1}", event, event, "{}"));
  EXPECT_EQ(split("{\n    \"torn\": [\n", {1}, 100).pending, "{\n    \"torn\": [\n");
}

TEST(MessageSplitter, WaitsForNoMoreAfterALineThatIsNoPartOfAMessage) {
  EXPECT_THAT(split("{ \"open\n[\n  {\n", {100}, 100).lines, ElementsAre("{ \"open", "[", "  {"));
  EXPECT_THAT(split("{\nhello\n  {\n", {100}, 100).lines, ElementsAre("{\nhello", "  {"));
  EXPECT_THAT(split("{\r\n\r\n", {100}, 100).lines, ElementsAre("{\r\n"));
}

TEST(MessageSplitter, BoundsAMessageOverSeveralLinesAsAWhole) {
  EXPECT_THAT(split("{\n 4\n 8\n}\n", {1}, 9).lines, ElementsAre("{\n 4\n 8\n}"));
  EXPECT_TRUE(split("{\n 4\n 8\n}\n", {1}, 8).overgrown);
  EXPECT_TRUE(split("{\n 4\n 8\n 12", {1}, 10).overgrown);
}

const auto kStreams = rc::gen::container<std::string>(
    rc::gen::weightedOneOf<char>({{8, rc::gen::inRange('a', 'e')},
                                  {2, rc::gen::just('\n')},
                                  {4, rc::gen::elementOf(std::string("{} "))},
                                  {1, rc::gen::just('\r')},
                                  {1, rc::gen::arbitrary<char>()}}));

RC_GTEST_PROP(MessageSplitter, GivesTheSameHoweverTheStreamIsCut, ()) {
  const std::string stream = *kStreams;
  const auto cuts = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 9)));
  const std::size_t bound = *rc::gen::inRange<std::size_t>(1, 24);
  RC_ASSERT(split(stream, cuts, bound) == split(stream, {stream.size() + 1}, bound));
}

RC_GTEST_PROP(MessageSplitter, LosesNothingWithinTheBound, ()) {
  const std::string stream = *kStreams;
  std::string expected;
  for (const char c : stream) {
    if (c != '\n' && c != '\r') expected += c;
  }
  const Split result = split(stream, {3}, stream.size() + 1);
  std::string got;
  for (const std::string& line : result.lines) got += line;
  got += result.pending;
  std::erase_if(got, [](char c) { return c == '\n' || c == '\r'; });
  RC_ASSERT(got == expected);
}

}  // namespace
}  // namespace godwit::qmp
