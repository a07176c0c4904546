#include "plan_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "godwit/terminal/svg.h"

namespace godwit::evacuation {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t times_in(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

fleet::FleetPlan two_moves() {
  fleet::FleetPlan plan;
  for (const char* const vm : {"web", "<db> & \"co\""}) {
    fleet::PlannedMove move;
    move.vm = vm;
    move.from = "a";
    move.to = plan.moves.empty() ? "b" : "c";
    move.technique = Technique::kPrecopy;
    move.rate = BytesPerSecond(50e6);
    move.start = Seconds(10.0 * static_cast<double>(plan.moves.size()));
    move.end = move.start + Seconds(10);
    move.finish = {move.end, move.end, move.end + Seconds(5)};
    plan.moves.push_back(move);
  }
  plan.finish = {Seconds(21), Seconds(20), Seconds(25)};
  return plan;
}

Network three() {
  Network network;
  for (const char* const name : {"a", "b", "c"}) {
    network.hosts.push_back({name, "", BytesPerSecond(100e6), BytesPerSecond(100e6)});
  }
  return network;
}

TEST(PlanPicture, HasABarForEachMoveTheLinksAndThePromise) {
  const std::string svg = plan_svg(two_moves(), three(), "host a is empty");
  EXPECT_EQ(svg.find("<svg xmlns"), 0u);
  EXPECT_EQ(times_in(svg, "class=\"move\""), 2u);
  EXPECT_EQ(times_in(svg, "class=\"promised\""), 1u);
  EXPECT_EQ(times_in(svg, "class=\"link\""), 3u) << "a's way out, and the ways into b and c";
  EXPECT_THAT(svg, HasSubstr("host a is empty after 21.0 s (20.0 s … 25.0 s in 90 % of cases"));
  EXPECT_THAT(svg, HasSubstr("at most 50 % of 100 MB/s"));
  // 640 units are 25 s: the first bar takes 10 s of them, the paler one 5 s
  EXPECT_THAT(svg, HasSubstr("x=\"160.0\" y=\"58.0\" width=\"256.0\""));
  EXPECT_THAT(svg, HasSubstr("x=\"416.0\" y=\"58.0\" width=\"128.0\""));
}

TEST(PlanPicture, ANameIsNeverMarkup) {
  const std::string svg = plan_svg(two_moves(), three(), "host <a> is empty");
  EXPECT_THAT(svg, HasSubstr("&lt;db&gt; &amp; &quot;co&quot;"));
  EXPECT_THAT(svg, Not(HasSubstr("<db>")));
  EXPECT_THAT(svg, Not(HasSubstr("<a>")));
  EXPECT_EQ(terminal::xml_text(std::string_view("a\x01\n", 3)), "a");
}

TEST(PlanPicture, APageHasItAndTheTableOfTheMovesAndNothingThatRuns) {
  const std::string page = plan_html(two_moves(), three(), "host <a> is empty");
  EXPECT_THAT(page, HasSubstr("<h1>host &lt;a&gt; is empty</h1>"));
  EXPECT_EQ(times_in(page, "<svg"), 1u);
  EXPECT_EQ(times_in(page, "precopy"), 6u) << "in the picture's rows, their hints, and the table";
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("<db>")));
  EXPECT_THAT(plan_html({}, three(), "host a is empty"), Not(HasSubstr("<table")));
}

TEST(PlanPicture, WhoCanNotGoIsSaidWithWhatWouldHelp) {
  fleet::FleetPlan plan = two_moves();
  plan.blockers.push_back({"wild", "it never ends", {"allow ", {Setting::kMaxTime, "10m"}}});
  const std::string svg = plan_svg(plan, three(), "host a is empty");
  EXPECT_THAT(svg, HasSubstr("VM wild can't go: it never ends; allow --max-time 10m"));
}

TEST(PlanPicture, WithoutMovesThereIsOneAllTheSame) {
  EXPECT_THAT(plan_svg({}, three(), "host a is empty"), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace godwit::evacuation
