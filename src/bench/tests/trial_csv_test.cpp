#include "godwit/bench/trial_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

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

RC_GTEST_PROP(TrialCsv, HasAValueOrNothingForEveryColumn, (const OutcomeRecord& record)) {
  Trial trial;
  trial.record = record;
  RC_ASSERT(fields(csv_row(RunHeader{}, trial)).size() == fields(csv_header()).size());
  RC_ASSERT(field(trial, "downtime_qemu_ms").empty() == !record.outcome.downtime.qemu.has_value());
}

}  // namespace
}  // namespace godwit::bench
