#include "godwit/codec/network_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace godwit {
namespace {

using testing::HasSubstr;

TEST(NetworkCodec, HasOneJsonForm) {
  Network network;
  network.hosts = {{"a", "r1", 1000_Mbit_per_s, 500_Mbit_per_s},
                   {"b", "r2", 500_Mbit_per_s, 500_Mbit_per_s}};
  network.uplinks = {{"core", "r1", 800_Mbit_per_s, 300_Mbit_per_s},
                     {"core", "r2", 700_Mbit_per_s, 600_Mbit_per_s}};
  network.switches = {{"core", 250_Mbit_per_s}};
  const auto read = network_from_json(to_json(network));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, network);
  Json broken = to_json(network);
  broken["uplinks"][1].erase("from");
  ASSERT_FALSE(network_from_json(broken));
  EXPECT_THAT(network_from_json(broken).error().message, HasSubstr("uplinks[1].from"));
}

}  // namespace
}  // namespace godwit
