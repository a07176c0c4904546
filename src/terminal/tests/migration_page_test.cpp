#include "godwit/terminal/migration_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::terminal {
namespace {

using testing::HasSubstr;
using testing::Not;

Interval<Seconds> around(double median) {
  return {Seconds(median), Seconds(median * 0.9), Seconds(median * 1.2)};
}

GuestProfile profile() {
  GuestProfile profile;
  profile.ram = Bytes(128 << 20);
  profile.dirty_curve = {{Seconds(1), Bytes(8 << 20), Bytes(7 << 20), Bytes(9 << 20)},
                         {Seconds(2), Bytes(12 << 20), Bytes(11 << 20), Bytes(13 << 20)}};
  return profile;
}

TechniquePrediction prediction(Technique technique, double total) {
  TechniquePrediction p;
  p.technique = technique;
  p.converges = true;
  p.total_time = around(total);
  p.downtime.probe = around(0.2);
  p.rounds = {{Seconds(4), Bytes(100 << 20), Bytes(20 << 20)},
              {Seconds(1), Bytes(20 << 20), Bytes(2 << 20)}};
  return p;
}

OutcomeRecord record() {
  OutcomeRecord record;
  record.id = 12;
  record.source = "qmp:/run/<vm>.qmp";
  record.destination = "lab:b";
  record.link = Link{BytesPerSecond(40e6), {}};
  record.profile = profile();
  record.predicted = Prediction{{prediction(Technique::kPrecopy, 5)}, {}};
  MigrationOutcome& outcome = record.outcome;
  outcome.status = OutcomeStatus::kCompleted;
  outcome.vm_runs_on = VmRunsOn::kDestination;
  outcome.technique = Technique::kPrecopy;
  outcome.requested = {"auto", "godwit"};
  outcome.total_time = Seconds(5.5);
  outcome.downtime.probe = Seconds(0.25);
  outcome.remarks = {"a remark with <tags>"};
  RoundRecord first{1, Seconds(0.1), Seconds(4.2), Bytes(101 << 20), Bytes(25 << 20)};
  first.vcpu_used = {Ratio(0.25), Ratio(0.5)};
  outcome.rounds = {first, {2, Seconds(4.3), Seconds(1), Bytes(25 << 20), {}}};
  AppliedOrder order;
  order.round = 2;
  order.at = Seconds(4.3);
  order.order.downtime_limit = Seconds(0.05);
  order.order.why = "it ends sooner";
  outcome.orders = {order};
  return record;
}

std::size_t how_often(const std::string& part, const std::string& text) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(MigrationPage, HasPredictionAndOutcomeRoundsOrdersAndTheCurve) {
  const std::string text = page_text(record());
  EXPECT_THAT(text, HasSubstr("migration 12: qmp:/run/<vm>.qmp to lab:b, 1970-01-01T00:00:00"));
  EXPECT_THAT(text, HasSubstr("asked for: technique auto, law godwit, link 40.0 MB/s"));
  EXPECT_THAT(text, HasSubstr("5.00 s (4.50 s … 6.00 s), was 5.50 s"));
  EXPECT_THAT(text, HasSubstr("ordered downtime limit 50 ms in round 2: it ends sooner"));
  EXPECT_THAT(text, HasSubstr("● as it went  ○ as predicted  ┊ an order"));
  EXPECT_THAT(text, HasSubstr("  150 MiB ┤")) << "all of the RAM is left at first";
  EXPECT_THAT(text, HasSubstr("75 %")) << "the vCPUs' time of the first round, of both";
  EXPECT_THAT(text, HasSubstr("by content-hash"));
}

TEST(MigrationPage, AsHtmlItIsWholeEscapedAndRunsNothing) {
  const std::string html = page_html(record());
  EXPECT_EQ(html.find("<!doctype html>"), 0u);
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_EQ(how_often("<svg ", html), 3u) << "prediction and outcome, rounds, the dirty curve";
  EXPECT_EQ(how_often("<table>", html), 3u) << "prediction and outcome, rounds, orders";
  EXPECT_THAT(html, HasSubstr("qmp:/run/&lt;vm&gt;.qmp"));
  EXPECT_THAT(html, HasSubstr("a remark with &lt;tags&gt;\n"));
  for (const char* const never : {"<vm>", "<tags>", "<script", "http-equiv=\"refresh", "src="}) {
    EXPECT_THAT(html, Not(HasSubstr(never)));
  }
}

TEST(MigrationPage, AsSvgItHasThePicturesAlone) {
  const std::string svg = page_svg(record());
  EXPECT_EQ(how_often("<svg ", svg), 1u);
  EXPECT_EQ(how_often("class=\"line\"", svg), 3u) << "rounds twice, the curve";
  EXPECT_EQ(how_often("class=\"actual\"", svg), 2u);
  EXPECT_EQ(how_often("class=\"mark\"", svg), 1u);
}

TEST(MigrationPage, WithoutAPredictionRoundsAndProfileItSaysHowItEnded) {
  OutcomeRecord bare = record();
  bare.predicted.reset();
  bare.profile.reset();
  bare.outcome.rounds.clear();
  bare.outcome.orders.clear();
  EXPECT_THAT(page_text(bare), HasSubstr("precopy: completed"));
  EXPECT_THAT(page_text(bare), Not(HasSubstr("rounds")));
  EXPECT_EQ(pictures_text(bare), "");
  EXPECT_EQ(how_often("<svg ", page_html(bare)), 0u);
  EXPECT_THAT(page_svg(bare), HasSubstr("</svg>"));
}

TEST(TechniquesDrawn, ShareOneScaleAndWhatNeverEndsIsLeftOut) {
  Prediction all{{prediction(Technique::kPrecopy, 5), prediction(Technique::kPostcopy, 10)}, {}};
  all.predictions.push_back(prediction(Technique::kXbzrle, 1));
  all.predictions.back().total_time.reset();
  const Ranges times_of = total_time_ranges(all);
  ASSERT_EQ(times_of.rows.size(), 2u);
  EXPECT_DOUBLE_EQ(times_of.rows[0].end, times_of.rows[1].end);
  EXPECT_EQ(times_of.rows[1].name, "postcopy");
  EXPECT_EQ(outage_ranges(all).rows.size(), 3u);
}

TEST(DirtyCurveDrawn, BeginsAtNothingAndHasItsInterval) {
  const Chart chart = dirty_curve_chart(profile());
  ASSERT_EQ(chart.lines.size(), 1u);
  EXPECT_EQ(chart.lines[0].points.size(), 3u);
  EXPECT_DOUBLE_EQ(chart.lines[0].points[0].y, 0);
  EXPECT_DOUBLE_EQ(chart.y_unit, 1 << 20);
  EXPECT_THAT(chart_text(chart), HasSubstr("░ 90 % interval"));
}

}  // namespace
}  // namespace godwit::terminal
