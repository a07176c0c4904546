#include "godwit/bench/trial_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "testing/generators.h"

namespace godwit::bench {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// Fields of one line, quotes understood.
std::vector<std::string> fields(std::string_view line) {
  std::vector<std::string> all(1);
  bool inside = false;
  for (const char c : line) {
    if (c == '"') inside = !inside;
    if (c == ',' && !inside) {
      all.emplace_back();
    } else {
      all.back() += c;
    }
  }
  return all;
}

std::string field(const Trial& trial, std::string_view name) {
  const auto names = fields(csv_header());
  const auto values = fields(csv_row(RunHeader{}, trial));
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return values.at(i);
  }
  ADD_FAILURE() << "no column " << name;
  return {};
}

TEST(TrialCsv, BeginsWithWhatNamesATrial) {
  RunHeader header;
  header.seed = 42;
  Trial trial;
  trial.number = 7;
  trial.broken = "no guest";
  EXPECT_THAT(csv_header(), StartsWith("run,number,"));
  EXPECT_THAT(csv_row(header, trial), StartsWith("42,7,"));
}

TEST(TrialCsv, QuotesWhatNeedsIt) {
  Trial trial;
  trial.broken = "it said: \"no\", and\nended";
  trial.cell.spec = "memory-write,set=8MiB";
  EXPECT_THAT(csv_row(RunHeader{}, trial), HasSubstr(",\"it said: \"\"no\"\", and\nended\""));
  EXPECT_EQ(field(trial, "spec"), "\"memory-write,set=8MiB\"");
  trial.cell.law = "jin,c=0.6";
  EXPECT_EQ(field(trial, "law"), "\"jin,c=0.6\"");
}

TEST(TrialCsv, TheTechniqueSaysWhetherTheDiskMoved) {
  Trial trial;
  trial.cell.technique = Technique::kPostcopy;
  EXPECT_EQ(field(trial, "technique"), "postcopy");
  trial.cell.technique.storage = true;
  EXPECT_EQ(field(trial, "technique"), "postcopy+storage");
}

TEST(TrialCsv, TheHashCurveIsFoundUnderARehearsal) {
  Trial trial;
  trial.record = OutcomeRecord{};
  GuestProfile& profile = trial.record->profile.emplace();
  profile.source = DirtySource::kRehearsal;
  profile.dirty_curve = {{Seconds(1), 9_MB, 9_MB, 9_MB}};
  profile.other_curves = {{DirtySource::kContentHash, "", {{Seconds(1.01), 5_MB, 4_MB, 6_MB}}}};
  EXPECT_EQ(field(trial, "hashed_1s_bytes"), "5000000");
  EXPECT_EQ(field(trial, "hashed_2s_bytes"), "");
}

TEST(TrialCsv, WhatAClientSawStandsUnderItsOwnName) {
  Trial trial;
  EXPECT_EQ(field(trial, "tcp_gap_ms"), "");
  Network& network = trial.network.emplace();
  network.tcp_gap = Seconds(0.375);
  network.udp_lost = 12;
  network.udp_out_of_order = 0;
  network.http_p50 = {Seconds(0.001), Seconds(0.002), std::nullopt};
  network.http_p99 = {Seconds(0.003), std::nullopt, Seconds(0.004)};
  network.http_failed = {0, 3, 1};
  const std::map<std::string, std::string> wanted{
      {"tcp_gap_ms", "375"},       {"udp_lost", "12"},          {"udp_out_of_order", "0"},
      {"http_p50_before_ms", "1"}, {"http_p50_during_ms", "2"}, {"http_p50_after_ms", ""},
      {"http_p99_before_ms", "3"}, {"http_p99_during_ms", ""},  {"http_p99_after_ms", "4"},
      {"http_failed_before", "0"}, {"http_failed_during", "3"}, {"http_failed_after", "1"}};
  for (const auto& [name, value] : wanted) EXPECT_EQ(field(trial, name), value) << name;
}

RC_GTEST_PROP(TrialCsv, HasAValueOrNothingForEveryColumn, (const OutcomeRecord& record)) {
  Trial trial;
  trial.record = record;
  RC_ASSERT(fields(csv_row(RunHeader{}, trial)).size() == fields(csv_header()).size());
  RC_ASSERT(field(trial, "downtime_qemu_ms").empty() == !record.outcome.downtime.qemu.has_value());
}

}  // namespace
}  // namespace godwit::bench
