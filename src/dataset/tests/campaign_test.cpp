#include "godwit/dataset/campaign.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "godwit/codec/codec.h"

namespace godwit::dataset {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHeader =
    "run,number,status,technique,load,spec,link_bytes_per_s,ram_bytes,downtime_limit_ms,"
    "precopy_share,postcopy_preempt,max_time_s,total_time_s,downtime_qemu_ms,downtime_events_ms,"
    "downtime_probe_ms,transferred_qemu_bytes,work_lost,source_cpu_s,destination_cpu_s\n";

std::string row(std::string_view technique) {
  return fmt::format(
      "7,3,completed,{},idle,idle;fill=5MiB,4e+07,268435456,300,,1,30,4.5,299.5,,320,178000000,"
      "-0.01,1.5,0.5\n",
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
  EXPECT_EQ(to_string(one.technique), "precopy+storage");
  EXPECT_EQ(one.spec, "idle;fill=5MiB");
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

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(Campaign, NothingIsReadFromATableThatIsNotJustRight) {
  const std::string profiles = profile_line("7", 3);
  const auto refused = [&](const std::string& csv) {
    const auto rows = read_campaign(csv, profiles);
    EXPECT_FALSE(rows) << csv;
    if (!rows) {
      EXPECT_EQ(rows.error().code, ErrorCode::kCorrupt);
    }
    return rows ? std::string() : rows.error().message;
  };
  const std::string header(kHeader);
  const std::string whole = row("precopy");
  ASSERT_TRUE(read_campaign(header + whole, profiles));
  EXPECT_THAT(refused(header + whole.substr(0, 40)), HasSubstr("line 2")) << "torn";
  EXPECT_THAT(refused(replaced(header, "total_time_s", "time") + whole), HasSubstr("total_time_s"));
  EXPECT_THAT(refused(header + replaced(whole, "4.5", "nan")), HasSubstr("total_time_s"));
  EXPECT_THAT(refused(header + replaced(whole, "4.5", "-4.5")), HasSubstr("total_time_s"));
}

TEST(Campaign, ColumnsInEachOthersPlaceAreNoticed) {
  const std::string profiles = profile_line("7", 3);
  const auto message = [&](std::string_view what, std::string_view by) {
    const auto rows =
        read_campaign(std::string(kHeader) + replaced(row("precopy"), what, by), profiles);
    return rows ? std::string("read") : rows.error().message;
  };
  EXPECT_THAT(message("completed,precopy", "precopy,completed"), HasSubstr("unknown technique"));
  EXPECT_THAT(message("completed,", "idle,"), HasSubstr("unknown status idle"));
  EXPECT_THAT(message("4e+07,268435456", "268435456,40000000"), HasSubstr("profile"))
      << "the rate and the memory";
  EXPECT_THAT(message("4.5,299.5,,320,178000000", "0.45,299.5,,320,178000000"),
              HasSubstr("carries"));
  EXPECT_THAT(message("268435456", "568435456"), HasSubstr("profile"));
  EXPECT_EQ(message("30,4.5,299.5", "4.5,30,299.5"), "read") << "possible, if odd";
  EXPECT_THAT(message("4.5,299.5,,320", "0.2995,4500,4500,320"), HasSubstr("stood still"));
}

TEST(Campaign, WhatRowsNeedNotAgreeInIsNotAsked) {
  const std::string fast = replaced(row("precopy"), "4.5,299.5", "0.45,299.5");
  const auto is_read = [](const std::string& one) {
    return read_campaign(std::string(kHeader) + one, profile_line("7", 3)).has_value();
  };
  EXPECT_FALSE(is_read(fast));
  EXPECT_TRUE(is_read(replaced(fast, "precopy", "precopy+storage"))) << "its disk went before";
  EXPECT_TRUE(is_read(replaced(fast, "completed", "did_not_converge")));
  EXPECT_TRUE(is_read(replaced(fast, "precopy", "cold")));
}

}  // namespace
}  // namespace godwit::dataset
