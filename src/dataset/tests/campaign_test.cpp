#include "godwit/dataset/campaign.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "godwit/domain/codec.h"

namespace godwit::dataset {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHeader =
    "run,number,status,technique,load,link_bytes_per_s,ram_bytes,downtime_limit_ms,precopy_share,"
    "postcopy_preempt,max_time_s,total_time_s,downtime_qemu_ms,downtime_events_ms,"
    "downtime_probe_ms,transferred_qemu_bytes,work_lost,source_cpu_s,destination_cpu_s\n";

std::string row(std::string_view technique) {
  return fmt::format(
      "7,3,completed,{},idle,4e+07,268435456,300,,1,30,4.5,299.5,,320,178000000,-0.01,1.5,0.5\n",
      technique);
}

GuestProfile profile() {
  GuestProfile profile;
  profile.vm = "lab:guest";
  profile.ram = Bytes(268435456);
  profile.dirty_curve = {{Seconds(1), Bytes(4096), Bytes(0), Bytes(8192)}};
  return profile;
}
std::string profile_line(const std::string& run, int number) {
  return Json{{"run", run}, {"number", number}, {"profile", to_json(profile())}}.dump() + "\n";
}

TEST(Campaign, ARowHasWhatWasMeasuredAndItsProfile) {
  const auto rows = read_campaign(std::string(kHeader) + row("precopy+storage"),
                                  profile_line("7", 2) + profile_line("7", 3));
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 1u);
  const CampaignRow& one = rows->front();
  EXPECT_TRUE(one.completed());
  EXPECT_EQ(one.technique, Technique::kPrecopy);
  EXPECT_TRUE(one.storage);
  EXPECT_DOUBLE_EQ(one.parameters.downtime_limit->count(), 0.3);
  EXPECT_EQ(one.parameters.precopy_share, std::nullopt);
  EXPECT_EQ(one.parameters.postcopy_preempt, true);
  EXPECT_DOUBLE_EQ(one.link.rate.value(), 40e6);
  EXPECT_EQ(one.downtime.events, std::nullopt);
  EXPECT_DOUBLE_EQ(one.downtime.probe->count(), 0.32);
  EXPECT_EQ(one.transferred, Bytes(178000000));
  EXPECT_EQ(one.work_lost, Ratio(-0.01));
  EXPECT_EQ(one.host_cpu, Seconds(2));
  ASSERT_TRUE(one.profile);
  EXPECT_EQ(one.profile->ram, Bytes(268435456));
}

TEST(Campaign, WithoutAProfileItHasNone) {
  const auto rows = read_campaign(std::string(kHeader) + row("postcopy"), profile_line("8", 3));
  ASSERT_TRUE(rows);
  EXPECT_FALSE(rows->front().profile);
}

TEST(Campaign, WhatIsBrokenIsNamed) {
  const auto technique = read_campaign(std::string(kHeader) + row("teleport"), "");
  ASSERT_FALSE(technique);
  EXPECT_THAT(technique.error().message, HasSubstr("row 1: unknown technique teleport"));
  const std::string torn = profile_line("7", 3).substr(0, 40);
  EXPECT_EQ(read_campaign(kHeader, torn).error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(read_campaign(kHeader, "{\"run\": 7}\n").error().message, HasSubstr("profile 1"));
}

}  // namespace
}  // namespace godwit::dataset
