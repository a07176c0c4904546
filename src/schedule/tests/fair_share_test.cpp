#include "godwit/schedule/fair_share.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace godwit::schedule {
namespace {

TEST(FairShare, WhoIsHeldElsewhereLeavesTheRestToOthers) {
  const std::vector<SharedLink> links{{"wide", BytesPerSecond(100)},
                                      {"narrow", BytesPerSecond(10)}};
  std::vector<Flow> flows{{{0}, 1000}, {{0, 1}, 1000}, {{0}, 20}};
  share_fairly(flows, links);
  EXPECT_DOUBLE_EQ(flows[1].rate, 10) << "the narrow link's";
  EXPECT_DOUBLE_EQ(flows[2].rate, 20) << "its own limit";
  EXPECT_DOUBLE_EQ(flows[0].rate, 70);
}

/// The definition: whoever gets less than its limit crosses a full link on which nobody gets more.
RC_GTEST_PROP(FairShareProperty, NobodyCanGetMoreWithoutTakingItFromWhoHasLess, ()) {
  const auto link_count = *rc::gen::inRange<std::size_t>(1, 6);
  std::vector<SharedLink> links;
  for (std::size_t i = 0; i < link_count; ++i) {
    links.push_back({"", BytesPerSecond(*rc::gen::inRange(1, 100))});
  }
  std::vector<Flow> flows(*rc::gen::inRange<std::size_t>(1, 10));
  for (Flow& flow : flows) {
    flow.limit = *rc::gen::inRange(1, 100);
    for (std::size_t i = 0; i < link_count; ++i) {
      if (*rc::gen::inRange(0, 2) == 1) flow.path.push_back(i);
    }
  }
  share_fairly(flows, links);
  constexpr double kNearly = 1e-6;
  const auto carried = [&](Paths::Link link) {
    double all = 0;
    for (const Flow& flow : flows) {
      all += static_cast<double>(std::count(flow.path.begin(), flow.path.end(), link)) * flow.rate;
    }
    return all;
  };
  const auto most_on = [&](Paths::Link link) {
    double most = 0;
    for (const Flow& flow : flows) {
      if (std::count(flow.path.begin(), flow.path.end(), link) > 0)
        most = std::max(most, flow.rate);
    }
    return most;
  };
  for (std::size_t i = 0; i < link_count; ++i) {
    RC_ASSERT(carried(i) <= links[i].capacity.value() * (1 + kNearly));
  }
  for (const Flow& flow : flows) {
    RC_ASSERT(flow.rate <= flow.limit * (1 + kNearly));
    const bool held = std::any_of(flow.path.begin(), flow.path.end(), [&](Paths::Link link) {
      return carried(link) >= links[link].capacity.value() * (1 - kNearly) &&
             flow.rate >= most_on(link) * (1 - kNearly);
    });
    RC_ASSERT(held || flow.rate >= flow.limit * (1 - kNearly));
  }
}

}  // namespace
}  // namespace godwit::schedule
