#include "godwit/bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "testing/generators.h"

namespace godwit::bench {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

RunHeader header() {
  RunHeader header;
  header.name = "try";
  header.toml = "name = \"try\"\nabout = \"two cells\"\n[loads]\nidle = \"idle\"\n";
  header.seed = 0xffffffffffffffffULL;
  header.godwit = "0.1.0";
  header.host = {"a CPU", 2, 24_GiB, "6.1"};
  return header;
}

Trial completed() {
  Trial trial;
  trial.cell.load = "writer";
  trial.cell.spec = "memory-write,set=8MiB,rate=20MB/s";
  trial.cell.sweep = {{"set", "8MiB"}};
  OutcomeRecord record;
  record.outcome.status = OutcomeStatus::kCompleted;
  record.outcome.total_time = Seconds(1.5);
  record.outcome.downtime.qemu = Seconds(0.25);
  record.profile = GuestProfile{};
  record.profile->qemu_version = "10.0.2";
  trial.record = record;
  trial.samples = {{Seconds(0.5), 20_MB, 80_MB, std::nullopt, std::nullopt},
                   {Seconds(1.0), 50_MB, 40_MB, 3_MB_per_s, 10},
                   {Seconds(1.0), 50_MB, 40_MB, 3_MB_per_s, 10}};
  return trial;
}

Trial broken() {
  Trial trial;
  trial.number = 1;
  trial.broken = "the guest said: \"no\", and\nended";
  return trial;
}

TEST(Report, HasARowForEachTrialBrokenOnesToo) {
  const Json json = report_json(header(), {completed(), broken()}, 0);
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["suite"]["about"], "two cells");
  EXPECT_EQ(json["host"]["qemu"], "10.0.2");
  ASSERT_EQ(json["rows"].size(), 2U);
  EXPECT_EQ(json["rows"][0]["status"], "completed");
  EXPECT_EQ(json["rows"][0]["total_time_s"], 1.5);
  EXPECT_EQ(json["rows"][0]["cell"]["load_kind"], "writer");
  EXPECT_EQ(json["rows"][0]["cell"]["sweep"]["set"], "8MiB");
  EXPECT_EQ(json["rows"][1]["status"], "broken");
  EXPECT_THAT(json["rows"][1]["reason"].get<std::string>(), HasSubstr("no"));
}

TEST(Report, RatesAreWhatWasSentBetweenTwoSamples) {
  const Json samples = report_json(header(), {completed()}, 0)["rows"][0]["samples"];
  EXPECT_EQ(samples["sent_bytes_per_s"], Json::array({40e6, 60e6}));  // no time, no rate
  EXPECT_EQ(samples["dirtied_bytes_per_s"], Json::array({nullptr, 3e6}));
}

TEST(Report, NoTextEndsTheDataEarly) {
  const auto page = fill_page("<script>__GODWIT_DATA__</script>", Json{{"load", "</script><b>"}});
  ASSERT_TRUE(page);
  EXPECT_EQ(*page, "<script>{\"load\":\"\\u003c/script>\\u003cb>\"}</script>");
}

TEST(Report, AnotherPageIsRefused) {
  for (const char* page : {"<html>", "__GODWIT_DATA__ __GODWIT_DATA__"}) {
    const auto filled = fill_page(page, Json::object());
    ASSERT_FALSE(filled) << page;
    EXPECT_EQ(filled.error().code, ErrorCode::kCorrupt);
  }
}

RC_GTEST_PROP(Report, AnyRecordCanBeReported, (const OutcomeRecord& record)) {
  Trial trial = completed();
  trial.record = record;
  const Json json = report_json(header(), {trial}, 0);
  RC_ASSERT(json["rows"].size() == 1U);
  RC_ASSERT(fill_page("__GODWIT_DATA__", json).has_value());
}

TEST(RunHeader, IsReadBackAsItWasWritten) {
  EXPECT_EQ(header_from_json(to_json(header())).value(), header());
}

TEST(RunHeader, AnotherVersionIsRefused) {
  Json json = to_json(header());
  json["version"] = 2;
  const auto read = header_from_json(json);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(read.error().message, HasSubstr("version 2"));
  json["version"] = 1;
  json["seed"] = "-1";
  EXPECT_FALSE(header_from_json(json));
}

TEST(RunHeader, OtherWorkMayNotGoOnInTheSameFolder) {
  RunHeader other = header();
  other.seed = 1;
  other.host.kernel = "6.12";
  EXPECT_TRUE(same_work(header(), other));
  other.toml += "# edited";
  EXPECT_THAT(same_work(header(), other).error().message, HasSubstr("earlier text"));
  other.name = "another";
  EXPECT_THAT(same_work(header(), other).error().message, HasSubstr("not of another"));
}

}  // namespace
}  // namespace godwit::bench
