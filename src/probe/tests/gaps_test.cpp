#include "godwit/probe/gaps.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace godwit::probe {
namespace {

TimePoint at_ms(std::int64_t ms) {
  return TimePoint(std::chrono::milliseconds(ms));
}

std::vector<TimePoint> at_ms(const std::vector<std::int64_t>& times) {
  std::vector<TimePoint> points;
  for (const std::int64_t time : times) points.push_back(at_ms(time));
  return points;
}

TEST(Gaps, LongestIsBetweenArrivalsAndUsualIsTheMedian) {
  const GapSummary gaps = summarize_gaps(at_ms({0, 1, 2, 252, 253, 254}), at_ms(255));
  EXPECT_NEAR(0.250, gaps.longest.count(), 1e-12);
  EXPECT_NEAR(0.001, gaps.usual.count(), 1e-12);
  EXPECT_EQ(at_ms(2), gaps.longest_start);
}

TEST(Gaps, LateAnswersInABurstLeaveTheirGap) {
  const GapSummary gaps = summarize_gaps(at_ms({0, 1, 500, 500, 500, 500, 501}), at_ms(501));
  EXPECT_NEAR(0.499, gaps.longest.count(), 1e-12);
}

TEST(Gaps, SilenceUntilTheEndCounts) {
  const GapSummary gaps = summarize_gaps(at_ms({0, 1, 2}), at_ms(1002));
  EXPECT_NEAR(1.0, gaps.longest.count(), 1e-12);
  EXPECT_EQ(at_ms(2), gaps.longest_start);
  EXPECT_NEAR(0.001, gaps.usual.count(), 1e-12) << "the last wait is no gap between answers";
}

TEST(Gaps, AnswersAfterTheEndAreNoNegativeGap) {
  const GapSummary gaps = summarize_gaps(at_ms({0, 700}), at_ms(100));
  EXPECT_NEAR(0.7, gaps.longest.count(), 1e-12);
}

TEST(Gaps, OneAnswerHasNoUsualGap) {
  const GapSummary gaps = summarize_gaps(at_ms(std::vector<std::int64_t>{5}), at_ms(8));
  EXPECT_EQ(Seconds{0}, gaps.usual);
  EXPECT_NEAR(0.003, gaps.longest.count(), 1e-12);
}

RC_GTEST_PROP(Gaps, BoundsHold, ()) {
  auto times = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 100'000)));
  std::sort(times.begin(), times.end());
  const auto arrivals = at_ms(times);
  const TimePoint end = at_ms(times.back() + *rc::gen::inRange<std::int64_t>(0, 1000));
  const GapSummary gaps = summarize_gaps(arrivals, end);
  RC_ASSERT(gaps.usual <= gaps.longest);
  RC_ASSERT(gaps.longest <= end - arrivals.front());
  RC_ASSERT(std::find(arrivals.begin(), arrivals.end(), gaps.longest_start) != arrivals.end());
  // the longest is at least the mean of all gaps, the last wait included
  const double mean = (end - arrivals.front()).count() / static_cast<double>(arrivals.size());
  RC_ASSERT(gaps.longest.count() >= mean - 1e-9);
}

RC_GTEST_PROP(Gaps, ShiftingAllTimesChangesNothing, ()) {
  auto times = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 100'000)));
  std::sort(times.begin(), times.end());
  const auto shift = *rc::gen::inRange<std::int64_t>(0, 1'000'000);
  auto shifted = times;
  for (std::int64_t& time : shifted) time += shift;
  const GapSummary one = summarize_gaps(at_ms(times), at_ms(times.back()));
  const GapSummary two = summarize_gaps(at_ms(shifted), at_ms(shifted.back()));
  RC_ASSERT(one.longest == two.longest);
  RC_ASSERT(one.usual == two.usual);
}

GapMeter metered(const std::vector<std::int64_t>& times) {
  GapMeter meter;
  for (const TimePoint time : at_ms(times)) meter.arrive(time);
  return meter;
}

TEST(GapMeter, BurstsCountAsOneArrival) {
  const auto gaps = metered({0, 0, 0, 10, 10, 20, 20, 320, 320, 330}).summary(at_ms(0), at_ms(331));
  ASSERT_TRUE(gaps);
  EXPECT_NEAR(0.010, gaps->usual.count(), 1e-12);
  EXPECT_NEAR(0.300, gaps->longest.count(), 1e-12);
  EXPECT_EQ(at_ms(20), gaps->longest_start);
}

TEST(GapMeter, OnlyGapsThatEndedAfterTheBeginningCount) {
  const GapMeter meter = metered({0, 500, 510, 610, 620});
  EXPECT_NEAR(0.1, meter.summary(at_ms(500), at_ms(620))->longest.count(), 1e-12);
  EXPECT_NEAR(0.5, meter.summary(at_ms(499), at_ms(620))->longest.count(), 1e-12);
  EXPECT_NEAR(0.7, meter.summary(at_ms(500), at_ms(1320))->longest.count(), 1e-12);
}

TEST(GapMeter, OfNothingIsAbsent) {
  EXPECT_FALSE(GapMeter().summary(at_ms(0), at_ms(1000)));
}

RC_GTEST_PROP(GapMeter, AgreesWithTheSummaryOfSingleArrivals, ()) {
  std::vector<std::int64_t> times{0};
  for (const auto step :
       *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(1, 1000))) {
    times.push_back(times.back() + step);
  }
  const auto arrivals = at_ms(times);
  const TimePoint end = at_ms(times.back() + 5);
  const GapSummary all = summarize_gaps(arrivals, end);
  const auto metered_gaps = metered(times).summary(TimePoint{} + Seconds{-1}, end);
  RC_ASSERT(metered_gaps.has_value());
  RC_ASSERT(all.longest == metered_gaps->longest);
  RC_ASSERT(all.usual == metered_gaps->usual);
  RC_ASSERT(all.longest_start == metered_gaps->longest_start);
}

}  // namespace
}  // namespace godwit::probe
