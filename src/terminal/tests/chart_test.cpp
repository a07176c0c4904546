#include "godwit/terminal/chart.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <sstream>

#include "godwit/terminal/svg.h"
#include "godwit/terminal/table.h"

namespace godwit::terminal {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string plain(double value) {
  return fmt::format("{:g}", value);
}

Chart straight() {
  ChartLine line{"y", {{0, 0}, {10, 10}}};
  return {"a line", {line}, {}, &plain, &plain};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// How many times.
std::size_t times(const std::string& part, const std::string& text) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(TickStep, IsOneTwoOrFiveOfAPowerOfTen) {
  EXPECT_DOUBLE_EQ(tick_step(10, 5), 2);
  EXPECT_DOUBLE_EQ(tick_step(34, 8), 5);
  EXPECT_DOUBLE_EQ(tick_step(0.9, 9), 0.1);
  EXPECT_DOUBLE_EQ(tick_step(100, 1), 100);
  EXPECT_DOUBLE_EQ(tick_step(61, 10), 10);
}

TEST(ChartText, AStraightLineGoesFromCornerToCorner) {
  const auto lines = lines_of(chart_text(straight()));
  ASSERT_EQ(lines.size(), 15u) << "title, 12 rows, axis, legend";
  EXPECT_EQ(lines[0], "  a line");
  EXPECT_THAT(lines[1], testing::StartsWith("  10 ┤"));
  EXPECT_THAT(lines[1], testing::EndsWith("●"));
  EXPECT_EQ(width_of(lines[1]), 2u + 2 + 2 + 60) << "the last column";
  EXPECT_THAT(lines[12], testing::StartsWith("   0 ┤●"));
  EXPECT_THAT(lines[13], testing::EndsWith("10"));
  EXPECT_THAT(lines[14], HasSubstr("● y"));
}

TEST(ChartText, AnIntervalIsAroundItsLineAndTheFirstLineIsAboveTheOthers) {
  Chart chart = straight();
  chart.lines[0].low = {0, 5};
  chart.lines[0].high = {0, 20};
  chart.lines.push_back({"the same", chart.lines[0].points});
  const std::string text = chart_text(chart);
  EXPECT_THAT(text, HasSubstr("░"));
  EXPECT_THAT(lines_of(text)[1], testing::StartsWith("  20 ┤")) << "the axis holds the interval";
  EXPECT_THAT(text, HasSubstr("● y  ○ the same  ░ 90 % interval"));
  EXPECT_EQ(times("○", text), 1u) << "in the legend alone: it is hidden";
}

TEST(ChartText, AMarkIsUprightWhereItHappened) {
  Chart chart = straight();
  chart.marks = {5};
  EXPECT_EQ(times("┊", chart_text(chart)), 11u + 1) << "rows but the line's own, and the legend";
}

TEST(ChartText, StepsOfTheAxisAreRoundInItsUnit) {
  Chart chart = straight();
  chart.lines[0].points = {{0, 0}, {1, 3000}};
  chart.y_unit = 1024;
  EXPECT_THAT(lines_of(chart_text(chart))[1], testing::StartsWith("  3072 ┤"));
}

TEST(ChartText, NothingToDrawIsNothing) {
  for (const auto& points : {std::vector<ChartPoint>{}, {{0, 0}}, {{0, 0}, {1, 0}}}) {
    Chart chart = straight();
    chart.lines[0].points = points;
    EXPECT_EQ(chart_text(chart), "");
    EXPECT_EQ(draw(chart).height, 0);
  }
  EXPECT_EQ(ranges_text({"none", {}}), "");
  EXPECT_EQ(draw(Ranges{"none", {}}).height, 0);
}

TEST(RangesText, HasTheIntervalItsMedianAndWhatItCameTo) {
  const Range row{"total", Interval<double>{20, 10, 30}, 35, 39, "20 s"};
  const std::string text = ranges_text({"times", {row}});
  // 40 cells for 39: a cell is 1
  EXPECT_THAT(text, HasSubstr("total  ··········──────────┼──────────····●····  20 s"));
  EXPECT_THAT(text, HasSubstr("● actual"));
  Range before = row;
  before.actual.reset();
  EXPECT_THAT(ranges_text({"times", {before}}), Not(HasSubstr("●")));
}

TEST(ChartSvg, HasALineABandAndMarks) {
  Chart chart = straight();
  chart.lines[0].low = {0, 5};
  chart.lines[0].high = {0, 20};
  chart.marks = {5, 6};
  const std::array drawings{draw(chart), Drawing{}, draw(straight())};
  const std::string svg = svg_of("two", drawings);
  EXPECT_EQ(svg.find("<svg xmlns"), 0u);
  EXPECT_EQ(times("class=\"line\"", svg), 2u);
  EXPECT_EQ(times("class=\"band\"", svg), 1u);
  EXPECT_EQ(times("class=\"mark\"", svg), 2u);
  // the plot is 600 wide from 110, and 200 high from 40, with an axis to 20
  EXPECT_THAT(svg, HasSubstr("d=\"M110.0,240.0L710.0,140.0\""));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(ChartSvg, ANameIsNeverMarkup) {
  Chart chart = straight();
  chart.title = "<b>";
  chart.lines[0].name = "<script>";
  const std::string body = draw(chart).body + draw(Ranges{"<i>", {{"<u>", {}, 1, 2, "<s>"}}}).body;
  for (const char* const tag : {"<b>", "<script>", "<i>", "<u>", "<s>"}) {
    EXPECT_THAT(body, Not(HasSubstr(tag)));
  }
}

TEST(TableHtml, IsEscapedAndHasAHeader) {
  Table table({"a", "b"});
  EXPECT_TRUE(table.empty());
  table.add({"<x>", "1"});
  EXPECT_FALSE(table.empty());
  EXPECT_EQ(table.html(),
            "<table>\n<tr><th>a</th><th>b</th></tr>\n<tr><td>&lt;x&gt;</td><td>1</td></tr>\n"
            "</table>\n");
}

}  // namespace
}  // namespace godwit::terminal
