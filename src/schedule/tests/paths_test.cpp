#include "godwit/schedule/paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace godwit::schedule {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Two racks of two hosts under a core.
Network two_racks() {
  Network network;
  for (const auto& [name, rack] : {std::pair{"a", "r1"}, {"b", "r1"}, {"c", "r2"}, {"d", "r2"}}) {
    network.hosts.push_back({name, rack, 1000_Mbit_per_s, 500_Mbit_per_s});
  }
  network.uplinks = {{"core", "r1", 800_Mbit_per_s, 300_Mbit_per_s},
                     {"core", "r2", 700_Mbit_per_s, 600_Mbit_per_s}};
  return network;
}

std::vector<std::string> names(const Paths& paths, Paths::Host from, Paths::Host to) {
  std::vector<std::string> names;
  for (const Paths::Link link : paths.between(from, to)) names.push_back(paths.links()[link].name);
  return names;
}

TEST(Network, APathCrossesInterfacesAndTheUplinksBetweenThem) {
  const auto paths = Paths::of(two_racks());
  ASSERT_TRUE(paths) << paths.error().message;
  EXPECT_THAT(names(*paths, 0, 1), ElementsAre("a sends", "b receives"));
  EXPECT_THAT(names(*paths, 0, 3),
              ElementsAre("a sends", "uplink r1 to core", "uplink core to r2", "d receives"));
  EXPECT_THAT(paths->between(2, 2), IsEmpty());
  EXPECT_EQ(paths->widest(0, 1), 500_Mbit_per_s);
  EXPECT_EQ(paths->widest(0, 3), 300_Mbit_per_s);
  EXPECT_EQ(paths->widest(3, 0), 500_Mbit_per_s);
}

TEST(Network, BothDirectionsOfAnInterfaceAreLinksOfTheirOwn) {
  const auto paths = Paths::of(two_racks());
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->between(0, 1).front(), Paths::egress(0));
  EXPECT_EQ(paths->between(1, 0).back(), Paths::ingress(0));
  EXPECT_NE(Paths::egress(0), Paths::ingress(0));
}

TEST(Network, ASwitchThatCarriesLessIsALinkOfEachPathThroughIt) {
  Network network = two_racks();
  network.switches = {{"core", 250_Mbit_per_s}};
  const auto paths = Paths::of(network);
  ASSERT_TRUE(paths);
  EXPECT_EQ(paths->widest(0, 2), 250_Mbit_per_s);
  EXPECT_EQ(paths->widest(0, 1), 500_Mbit_per_s);
}

TEST(Network, WhereNoUplinkLeadsThereIsNoPath) {
  Network network = two_racks();
  network.uplinks.pop_back();
  const auto paths = Paths::of(network);
  ASSERT_TRUE(paths);
  EXPECT_THAT(paths->between(0, 2), IsEmpty());
  EXPECT_EQ(paths->widest(0, 2), BytesPerSecond(0));
}

TEST(Network, WhatIsWrongIsNamed) {
  Network twice = two_racks();
  twice.hosts[1].name = "a";
  ASSERT_FALSE(Paths::of(twice));
  EXPECT_THAT(Paths::of(twice).error().message, HasSubstr("host a is named twice"));
  Network dead = two_racks();
  dead.uplinks[0].backward = BytesPerSecond(0);
  ASSERT_FALSE(Paths::of(dead));
  EXPECT_THAT(Paths::of(dead).error().message, HasSubstr("uplink core to r1"));
  Network loop = two_racks();
  loop.uplinks[0].to = "core";
  EXPECT_FALSE(Paths::of(loop));
}

}  // namespace
}  // namespace godwit::schedule
