#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "godwit/schedule/problem.h"

namespace godwit::schedule {
namespace {

using testing::HasSubstr;

constexpr const char* kInstance = R"({"kind": "evacuation", "scale": "x1", "number": 7,
 "hosts": [{"id": 0, "mem": 16, "cpu": 4, "link_mbit_per_s": 1000, "switch": 0, "online": true, "boot_s": null},
           {"id": 1, "mem": 16, "cpu": 4, "link_mbit_per_s": 1000, "switch": 1, "online": false, "boot_s": 120}],
 "switches": [{"id": 0, "capacity": -1}, {"id": 1, "capacity": 5000}],
 "uplinks": [{"from_switch": 0, "to_switch": 1, "mbit_per_s": 10000}],
 "vms": [{"id": 0, "on": 0, "to": 1, "mem": 2, "cpu": 1, "mem_mb": 2000, "hot_dirty_mb": 96, "cold_dirty_mb_per_s": 3.0},
         {"id": "db", "on": 0, "mem": 4, "cpu": 1, "mem_mb": 4000}],
 "must_end_offline": [0]})";

std::string with(std::string text, const std::string& what, const std::string& instead) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), instead);
}

std::string error_of(const std::string& text) {
  const auto read = read_instance(text);
  EXPECT_FALSE(read) << "it was read";
  return read ? "" : read.error().message;
}

TEST(Instance, IsReadWithItsNetworkHostsAndVms) {
  const auto read = read_instance(kInstance);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->kind, "evacuation");
  EXPECT_EQ(read->number, 7);
  const Problem& problem = read->problem;
  EXPECT_EQ(problem.network.hosts[0].egress, 1000_Mbit_per_s);
  ASSERT_EQ(problem.network.switches.size(), 1u);
  EXPECT_EQ(problem.network.switches[0].capacity, 5000_Mbit_per_s);
  EXPECT_TRUE(problem.hosts[0].must_be_empty);
  EXPECT_EQ(problem.hosts[1].usable_from, Seconds(120));
  EXPECT_EQ(problem.vms[0].to, 1u);
  EXPECT_EQ(problem.vms[0].load.hot, 96_MB);
  EXPECT_EQ(problem.vms[1].name, "db");
  EXPECT_FALSE(problem.vms[1].to);
}

TEST(Instance, AVmOfWhichNothingIsKnownDirtiesAsTheWorst) {
  const auto read = read_instance(kInstance);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->problem.vms[1].load.hot, 192_MB);
  EXPECT_EQ(read->problem.vms[1].load.cold, 3_MB_per_s);
}

TEST(Instance, WhatIsWrongIsNamed) {
  EXPECT_THAT(error_of("{"), HasSubstr("JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("is not a JSON object"));
  EXPECT_THAT(error_of(with(kInstance, R"("on": 0, "to": 1)", R"("on": 9, "to": 1)")),
              HasSubstr("vms[0].on names host 9, which is not listed"));
  EXPECT_THAT(error_of(with(kInstance, R"({"id": 1, "mem")", R"({"id": 0, "mem")")),
              HasSubstr("names host 0 a second time"));
  EXPECT_THAT(error_of(with(kInstance, R"("mem": 16)", R"("mem": -1)")), HasSubstr("hosts[0].mem"));
  EXPECT_THAT(error_of(with(kInstance, R"("mem": 16)", R"("mem": 3)")),
              HasSubstr("host 0 has 3 of memory"));
  EXPECT_THAT(error_of(with(kInstance, R"("boot_s": 120)", R"("boot_s": null)")),
              HasSubstr("hosts[1].boot_s"));
  EXPECT_THAT(error_of(with(kInstance, R"("must_end_offline": [0])", R"("must_end_offline": [5])")),
              HasSubstr("must_end_offline names host 5"));
  EXPECT_THAT(error_of(with(kInstance, R"("must_end_offline": [0])", R"("must_end_offline": [1])")),
              HasSubstr("which is to be empty"));
  EXPECT_THAT(error_of(with(kInstance, R"("id": "db")", R"("id": 0)")), HasSubstr("named twice"));
}

}  // namespace
}  // namespace godwit::schedule
