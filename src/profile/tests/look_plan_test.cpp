#include "look_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "curve_estimate.h"

namespace godwit::profile {
namespace {

constexpr PageSize kPage(4096);

std::int64_t sampled(const LookPlan& plan) {
  std::int64_t pages = 0;
  for (const auto& chunk : plan.chunks) pages += static_cast<std::int64_t>(chunk.size());
  return pages;
}

ObserveOptions lasting(double seconds) {
  ObserveOptions options;
  options.length = Seconds(seconds);
  return options;
}

TEST(LookTimes, DoubleUpToTheLength) {
  const std::vector<Seconds> eight{Seconds(0), Seconds(0.125), Seconds(0.25), Seconds(0.5),
                                   Seconds(1), Seconds(2),     Seconds(4),    Seconds(8)};
  EXPECT_EQ(look_times(Seconds(8)), eight);
  EXPECT_EQ(look_times(Seconds(15.9)), eight);
  EXPECT_EQ(look_times(Seconds(1)).back(), Seconds(1));
  EXPECT_EQ(look_times(Seconds(600)).back(), Seconds(512));
}

TEST(PlanLooks, TakesTheWantedSampleWhereTheCapAllows) {
  Rng rng(1);
  const LookPlan plan = plan_looks(lasting(8), PageCount(131'072), kPage, rng);
  EXPECT_EQ(sampled(plan), pages_to_sample(131'072, 0.007));
  EXPECT_EQ(plan.spread, Seconds(1));
}

TEST(PlanLooks, ShrinksTheSampleToTheTrafficCap) {
  // 1 s: spread 1/8 s, looks do not overlap: 400 MB/s * 0.125 s / 4096 B = 12207 pages, of which
  // 1024 that are watched may be looked at once, and 124 of them five times.
  Rng rng(1);
  EXPECT_EQ(sampled(plan_looks(lasting(1), PageCount(1'000'000), kPage, rng)), 10'563);
  ObserveOptions tiny = lasting(1);
  tiny.traffic_cap = BytesPerSecond(1);
  EXPECT_EQ(sampled(plan_looks(tiny, PageCount(1'000'000), kPage, rng)), 1);
}

RC_GTEST_PROP(PlanLooks, KeepsEveryWindowAndTheTrafficCap, (std::uint64_t seed)) {
  const auto population = *rc::gen::inRange<std::int64_t>(1, 200'000);
  ObserveOptions options = lasting(*rc::gen::inRange(1, 40));
  options.traffic_cap = BytesPerSecond(1e6 * *rc::gen::inRange(5, 400));
  Rng rng(seed);
  const LookPlan plan = plan_looks(options, PageCount(population), kPage, rng);

  std::set<std::int64_t> pages;
  for (const auto& chunk : plan.chunks) {
    RC_ASSERT(std::is_sorted(chunk.begin(), chunk.end()));
    RC_ASSERT(!chunk.empty() && chunk.size() <= static_cast<std::size_t>(kChunkPages));
    pages.insert(chunk.begin(), chunk.end());
  }
  RC_ASSERT(static_cast<std::int64_t>(pages.size()) == sampled(plan));  // none twice
  RC_ASSERT(*pages.begin() >= 0 && *pages.rbegin() < population);

  const auto visits = plan.visits();
  RC_ASSERT(visits.size() == plan.chunks.size() * plan.looks.size() + plan.slots.size());
  std::vector<Seconds> first(plan.chunks.size());
  std::vector<std::size_t> next_look(plan.chunks.size() + 1, 0);
  for (const auto& visit : visits) {
    RC_ASSERT(visit.look == next_look[visit.chunk]++);
    if (visit.chunk == plan.chunks.size()) {
      RC_ASSERT(visit.at == plan.slots[visit.look]);
      continue;
    }
    if (visit.look == 0) first[visit.chunk] = visit.at;
    const double lag = (visit.at - first[visit.chunk] - plan.looks[visit.look]).count();
    RC_ASSERT(std::abs(lag) < 1e-9);
  }
  // Bytes read within any `spread`, but for one chunk per look under way whose edge sticks out.
  for (std::size_t i = 0; i < visits.size(); ++i) {
    std::int64_t read = 0;
    for (std::size_t j = i; j < visits.size() && visits[j].at < visits[i].at + plan.spread; ++j) {
      const std::size_t chunk = visits[j].chunk;
      const bool watches = chunk == plan.chunks.size();
      const auto& pages_of = watches ? plan.watched : plan.chunks[chunk];
      const auto pages_there = static_cast<std::int64_t>(pages_of.size());
      const bool all = !watches || visits[j].look == 0;
      read += all ? pages_there : std::min(pages_there, kReadsPerSlot);
    }
    const std::int64_t edges = kChunkPages * static_cast<std::int64_t>(plan.looks.size());
    RC_ASSERT(kPage.bytes_of(PageCount(read - edges)).as_double() <=
              (options.traffic_cap * plan.spread).as_double());
  }
}

}  // namespace
}  // namespace godwit::profile
