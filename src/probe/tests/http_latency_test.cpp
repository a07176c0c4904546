#include "godwit/probe/http_latency.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace godwit::probe {
namespace {

using Latencies = std::vector<std::optional<Seconds>>;

Latencies of(const std::vector<int>& milliseconds, int failed = 0) {
  Latencies latencies;
  for (const int ms : milliseconds) latencies.emplace_back(ms / 1e3);
  latencies.resize(latencies.size() + static_cast<std::size_t>(failed));
  return latencies;
}

TEST(Percentile, IsTheNearestRank) {
  EXPECT_EQ(Seconds(0.002), percentile(of({3, 1, 2, 4}), 0.5));
  EXPECT_EQ(Seconds(0.003), percentile(of({3, 1, 2}), 0.99));
  EXPECT_EQ(Seconds(0.001), percentile(of({3, 1, 2}), 0.01));
  std::vector<int> hundred;
  for (int i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_EQ(Seconds(0.099), percentile(of(hundred), 0.99));
  EXPECT_EQ(Seconds(0.050), percentile(of(hundred), 0.5));
}

TEST(Percentile, OfNothingIsAbsent) {
  EXPECT_FALSE(percentile({}, 0.5));
}

TEST(Percentile, AFailedRequestTookLongerThanAnyAnswer) {
  EXPECT_EQ(Seconds(0.002), percentile(of({1, 2}, 2), 0.5));
  EXPECT_FALSE(percentile(of({1, 2}, 2), 0.99));
  EXPECT_FALSE(percentile(of({1}, 2), 0.5));
}

rc::Gen<std::vector<int>> some_milliseconds() {
  return rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 5000)));
}

RC_GTEST_PROP(Percentile, SoManyAreNotAboveItAndNotManyMore, ()) {
  const auto values = *some_milliseconds();
  const double share = *rc::gen::inRange(1, 101) / 100.0;
  const auto found = percentile(of(values), share);
  RC_ASSERT(found.has_value());
  const auto count = [&](auto&& which) {
    return static_cast<double>(std::count_if(values.begin(), values.end(), which));
  };
  const double wanted = share * static_cast<double>(values.size());
  RC_ASSERT(count([&](int v) { return Seconds(v / 1e3) <= *found; }) >= wanted - 1e-6);
  RC_ASSERT(count([&](int v) { return Seconds(v / 1e3) < *found; }) < wanted);
}

RC_GTEST_PROP(Percentile, RisesWithTheShareAndWithFailures, ()) {
  const auto values = *some_milliseconds();
  const int low = *rc::gen::inRange(1, 101);
  const int high = *rc::gen::inRange(low, 101);
  RC_ASSERT((percentile(of(values), low / 100.0) <= percentile(of(values), high / 100.0)));
  const auto worse = percentile(of(values, *rc::gen::inRange(0, 50)), low / 100.0);
  RC_ASSERT(!worse || *worse >= *percentile(of(values), low / 100.0));
}

RC_GTEST_PROP(Percentile, OrderDoesNotMatter, ()) {
  auto values = *some_milliseconds();
  const auto one = percentile(of(values), 0.99);
  std::reverse(values.begin(), values.end());
  RC_ASSERT((one == percentile(of(values), 0.99)));
}

TEST(SummarizeLatencies, TakesWhatWasDueWithin) {
  const std::vector<HttpSample> samples{
      {10, Seconds(1)}, {20, Seconds(2)}, {30, std::nullopt}, {40, Seconds(4)}};
  const LatencySummary before = summarize_latencies(samples, kFirstMoment, 20);
  EXPECT_EQ(1, before.requests);
  EXPECT_EQ(Seconds(1), before.p99);
  const LatencySummary during = summarize_latencies(samples, 20, 40);
  EXPECT_EQ(2, during.requests);
  EXPECT_EQ(1, during.failed);
  EXPECT_EQ(Seconds(2), during.p50);
  EXPECT_FALSE(during.p99);
  EXPECT_EQ(1, summarize_latencies(samples, 40, kLastMoment).requests);
  EXPECT_EQ(0, summarize_latencies(samples, 41, kLastMoment).requests);
}

}  // namespace
}  // namespace godwit::probe
