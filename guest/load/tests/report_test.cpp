#include "godwit/guest/report.h"

#include <gtest/gtest.h>

namespace godwit::guest {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

TEST(Report, IsOneJsonLine) {
  EXPECT_EQ(format_report({State::kReady, 12, 4200, 123456, 3, 0, {}}),
            "{\"v\":1,\"state\":\"ready\",\"seq\":12,\"clock_ms\":4200,\"work\":123456,"
            "\"longest_gap_ms\":3,\"changes\":0}\n");
  EXPECT_NE(format_report({}).find("\"state\":\"filling\""), std::string::npos);
}

TEST(Report, TellsLoadsApart) {
  Report report;
  report.changes = 2;
  report.works = {{"cpu", 5, {}, {}, {}}, {"udp-receive", 7, 1, 0, "no \"such\" device"}};
  EXPECT_NE(format_report(report).find(
                R"("changes":2,"works":[{"load":"cpu","work":5},{"load":"udp-receive",)"
                R"("work":7,"lost":1,"out_of_order":0,"failed":"no \"such\" device"}]})"),
            std::string::npos)
      << format_report(report);
}

TEST(GapMeter, KeepsTheLongestUntilTaken) {
  GapMeter gaps;
  for (const std::int64_t ms : {100, 105, 145, 150}) gaps.tick(ms * kMillisecond);
  EXPECT_EQ(gaps.take_ms(), 40);
  EXPECT_EQ(gaps.take_ms(), 0);
  gaps.tick(157 * kMillisecond);
  EXPECT_EQ(gaps.take_ms(), 7);
}

TEST(GapMeter, TheFirstTickIsNoGap) {
  GapMeter gaps;
  gaps.tick(9'000 * kMillisecond);
  EXPECT_EQ(gaps.take_ms(), 0);
}

TEST(GapMeter, RoundsToNearest) {
  GapMeter gaps;
  gaps.tick(0);
  gaps.tick(5'499'999);
  EXPECT_EQ(gaps.take_ms(), 5);
  gaps.tick(5'499'999 + 5'500'000);
  EXPECT_EQ(gaps.take_ms(), 6);
}

TEST(LineBuffer, SendsALineInPieces) {
  LineBuffer buffer;
  EXPECT_TRUE(buffer.pending().empty());
  EXPECT_TRUE(buffer.offer("abcdef\n"));
  buffer.sent(3);
  EXPECT_EQ(buffer.pending(), "def\n");
  buffer.sent(4);
  EXPECT_TRUE(buffer.pending().empty());
}

TEST(LineBuffer, DropsALineWhileOneIsStuck) {
  LineBuffer buffer;
  EXPECT_TRUE(buffer.offer("first\n"));
  buffer.sent(1);
  EXPECT_FALSE(buffer.offer("second\n"));
  EXPECT_EQ(buffer.pending(), "irst\n");
  buffer.sent(5);
  EXPECT_TRUE(buffer.offer("third\n"));
  EXPECT_EQ(buffer.pending(), "third\n");
}

}  // namespace
}  // namespace godwit::guest
