#include "godwit/lab/guest_report.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "temporary_folder.h"

namespace godwit::lab {
namespace {

const std::string kLine =
    R"({"v":1,"state":"ready","seq":7,"clock_ms":1500,"work":42,"longest_gap_ms":12})";

TEST(ReportLine, IsRead) {
  auto report = parse_report_line(kLine);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ((GuestReport{true, 7, Seconds{1.5}, 42, Seconds{0.012}, 0, {}}), *report);
  EXPECT_TRUE(parse_report_line(kLine + "\r"));
}

TEST(ReportLine, TellsLoadsApart) {
  const std::string head = kLine.substr(0, kLine.size() - 1);
  auto report = parse_report_line(
      head + R"(,"changes":2,"works":[{"load":"cpu","work":30},{"load":"udp-receive","work":12,)" +
      R"("lost":3,"out_of_order":0},{"load":"tcp-send","work":0,"failed":"Broken pipe"}]})");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(42, report->work);
  EXPECT_EQ(2, report->changes);
  EXPECT_EQ((std::vector<LoadWork>{{"cpu", 30, {}, {}, {}},
                                   {"udp-receive", 12, 3, 0, {}},
                                   {"tcp-send", 0, {}, {}, "Broken pipe"}}),
            report->works);
  for (const char* rest :
       {R"(,"changes":-1})", R"(,"changes":"2"})", R"(,"works":{}})", R"(,"works":[1]})",
        R"(,"works":[{"load":"cpu"}]})", R"(,"works":[{"load":"cpu","work":-1}]})",
        R"(,"works":[{"load":"cpu","work":1,"lost":-1}]})"}) {
    auto bad = parse_report_line(head + rest);
    ASSERT_FALSE(bad) << rest;
    EXPECT_EQ(ErrorCode::kCorrupt, bad.error().code);
  }
}

TEST(ReportLine, OtherThingsAreCorrupt) {
  for (const char* line :
       {"", "{", "[]", "null", "hello",
        R"({"v":2,"state":"ready","seq":1,"clock_ms":1,"work":1,"longest_gap_ms":1})",
        R"({"v":1,"state":"asleep","seq":1,"clock_ms":1,"work":1,"longest_gap_ms":1})",
        R"({"v":1,"state":"ready","seq":1,"clock_ms":-1,"work":1,"longest_gap_ms":1})",
        R"({"v":1,"state":"ready","seq":1,"clock_ms":1,"work":"1","longest_gap_ms":1})",
        R"({"v":1,"state":"ready","seq":1,"clock_ms":1,"longest_gap_ms":1})"}) {
    auto report = parse_report_line(line);
    ASSERT_FALSE(report) << line;
    EXPECT_EQ(ErrorCode::kCorrupt, report.error().code);
  }
}

TEST(KernelComplaint, IsFoundWhateverStandsBeforeIt) {
  for (const char* line :
       {"[    3.14] BUG: unable to handle page fault for address: ffff", "BUG: kernel NULL pointer",
        "[   12.000000] Oops: 0002 [#1] PREEMPT SMP",
        "Kernel panic - not syncing: Attempted to kill init!\r",
        "watchdog: BUG: soft lockup - CPU#0 stuck for 22s!", "general protection fault, probably",
        "[  9.1] kernel BUG at mm/slub.c:305!"}) {
    auto complaint = kernel_complaint(line);
    ASSERT_TRUE(complaint) << line;
    EXPECT_NE('\r', complaint->back());
  }
  for (const char* line : {"", "godwit: guest-load exited 2", "debug: all is well", "panic=-1"}) {
    EXPECT_FALSE(kernel_complaint(line)) << line;
  }
}

/// However a text is cut into reads, the lines are the same.
RC_GTEST_PROP(LineFollower, CutsDoNotMatter, (const std::vector<std::string>& pieces)) {
  std::string whole;
  std::vector<std::string> lines;
  LineFollower follower;
  for (const std::string& piece : pieces) {
    whole += piece;
    follower.feed(piece, [&lines](std::string_view line) { lines.emplace_back(line); });
  }
  std::vector<std::string> wanted;
  std::size_t start = 0;
  for (std::size_t end = 0; (end = whole.find('\n', start)) != std::string::npos; start = end + 1) {
    wanted.push_back(whole.substr(start, end - start));
  }
  RC_ASSERT(lines == wanted);
}

class GuestCheckTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }
  void append(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::app) << text;
  }
  [[nodiscard]] LabGuestCheck check() const {
    return LabGuestCheck({path("a.console"), path("a.report")},
                         {path("b.console"), path("b.report")});
  }
  TemporaryFolder folder_;
};

std::string line(int work, int gap_ms) {
  return R"({"v":1,"state":"ready","seq":1,"clock_ms":1000,"work":)" + std::to_string(work) +
         R"(,"longest_gap_ms":)" + std::to_string(gap_ms) + "}\n";
}

TEST_F(GuestCheckTest, FilesThatAreMissingTellNothing) {
  auto check = this->check();
  const auto vitals = check.look(Side::kDestination);
  ASSERT_TRUE(vitals);
  EXPECT_FALSE(vitals->work || vitals->clock || vitals->longest_gap || vitals->oops);
}

TEST_F(GuestCheckTest, CoversWhatCameSinceItWasMade) {
  append("a.report", line(5, 900));
  append("a.console", "BUG: an old one\n");
  auto check = this->check();
  append("a.report", line(6, 20) + line(7, 10));
  auto vitals = check.look(Side::kSource);
  ASSERT_TRUE(vitals);
  EXPECT_EQ(7, vitals->work);
  EXPECT_EQ(Seconds{0.02}, vitals->longest_gap);
  EXPECT_FALSE(vitals->oops);
  append("b.report", line(9, 300));
  append("b.console", "all is well\n[1.0] Oops: 0000\nCall Trace:\n");
  vitals = check.look(Side::kDestination);
  ASSERT_TRUE(vitals);
  EXPECT_EQ(9, vitals->work);
  EXPECT_EQ("[1.0] Oops: 0000", vitals->oops);
  EXPECT_EQ(Seconds{0.02}, check.look(Side::kSource)->longest_gap) << "the sides are apart";
}

TEST_F(GuestCheckTest, TornLastLineWaitsForItsRest) {
  auto check = this->check();
  const std::string whole = line(8, 1);
  append("a.report", line(7, 1) + whole.substr(0, 30));
  EXPECT_EQ(7, check.look(Side::kSource)->work);
  append("a.report", whole.substr(30));
  EXPECT_EQ(8, check.look(Side::kSource)->work);
}

TEST_F(GuestCheckTest, FileBegunAnewIsReadFromItsStart) {
  append("b.report", line(100, 1) + line(101, 1));
  auto check = this->check();
  std::filesystem::resize_file(path("b.report"), 0);
  append("b.report", line(3, 1));
  EXPECT_EQ(3, check.look(Side::kDestination)->work);
}

using NewestReport = GuestCheckTest;

TEST_F(NewestReport, IsTheLastWholeLineOfAFileOfAnyLength) {
  append("a.report", "tail of a torn one}\n");
  for (int work = 0; work < 2000; ++work) append("a.report", line(work, 1));
  append("a.report", line(2000, 1).substr(0, 30));
  const auto newest = newest_report(path("a.report"));
  ASSERT_TRUE(newest) << newest.error().message;
  EXPECT_EQ(1999, newest->work);
}

TEST_F(NewestReport, IsNotFoundWhereThereIsNone) {
  append("a.report", line(1, 1).substr(0, 30));
  EXPECT_EQ(ErrorCode::kNotFound, newest_report(path("a.report")).error().code);
  EXPECT_EQ(ErrorCode::kNotFound, newest_report(path("b.report")).error().code);
}

}  // namespace
}  // namespace godwit::lab
