#include "godwit/fleet/link_use.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::fleet {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr BytesPerSecond kAll{100e6};

PlannedMove planned(const std::string& to, BytesPerSecond rate, Seconds start, Seconds end) {
  PlannedMove move;
  move.from = "a";
  move.to = to;
  move.rate = rate;
  move.start = start;
  move.end = end;
  return move;
}

TEST(LinkUse, IsWhatMovesTakeTogetherTheBusiestFirst) {
  Network network;
  for (const char* name : {"a", "b", "c"}) network.hosts.push_back({name, "", kAll, kAll});
  FleetPlan plan;
  plan.moves = {planned("b", kAll, Seconds(0), Seconds(10)),
                planned("c", kAll * Ratio(0.5), Seconds(10), Seconds(30)),
                planned("b", kAll * Ratio(0.25), Seconds(20), Seconds(24))};
  const auto uses = link_use(plan, network);
  ASSERT_EQ(uses.size(), 3u) << "what is not used is not there";
  EXPECT_THAT(uses[0].name, testing::HasSubstr("a"));
  EXPECT_THAT(uses[0].shares,
              ElementsAre(Pair(Seconds(0), 1.0), Pair(Seconds(10), 0.5), Pair(Seconds(20), 0.75),
                          Pair(Seconds(24), 0.5), Pair(Seconds(30), 0.0)));
  EXPECT_THAT(uses[1].name, testing::HasSubstr("b")) << "11 s of its time, as against 10 s";
  EXPECT_THAT(uses[2].shares, ElementsAre(Pair(Seconds(10), 0.5), Pair(Seconds(30), 0.0)));
}

}  // namespace
}  // namespace godwit::fleet
