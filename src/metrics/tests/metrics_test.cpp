#include "godwit/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "source_tree.h"

namespace godwit::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

const watch::Followed kWeb{"libvirt:qemu:///system#web", "qemu:///system", "libvirt host web"};

control::Progress in_round_two() {
  control::Progress now;
  now.phase = MigrationPhase::kActive;
  now.round = 2;
  now.remaining = Bytes(5'000'000);
  now.rate = BytesPerSecond(1e6);
  now.dirty_rate = BytesPerSecond(250'000);
  now.throttle_percent = 30;
  now.forecast.eta = Interval<Seconds>{Seconds(5), Seconds(4), Seconds(8)};
  now.forecast.ends = Ratio(0.75);
  return now;
}

MigrationOutcome completed(double seconds) {
  MigrationOutcome outcome;
  outcome.status = OutcomeStatus::kCompleted;
  outcome.technique = Technique::kPrecopy;
  outcome.total_time = Seconds(seconds);
  outcome.downtime.events = Seconds(0.15);
  outcome.transferred.qemu = Bytes(100'000'000);
  return outcome;
}

/// A record of which the time was predicted as 10 s, between 9 and 12.
OutcomeRecord record(std::int64_t id, double seconds) {
  OutcomeRecord kept;
  kept.id = id;
  kept.outcome = completed(seconds);
  TechniquePrediction said;
  said.technique = Technique::kPrecopy;
  said.total_time = Interval<Seconds>{Seconds(10), Seconds(9), Seconds(12)};
  kept.predicted = Prediction{{said}, std::nullopt};
  return kept;
}

/// The records after that one, as a store gives them.
Metrics::KeptAfter store_of(std::vector<OutcomeRecord> all) {
  return [all](std::int64_t id, std::int64_t limit) -> Result<std::vector<OutcomeRecord>> {
    std::vector<OutcomeRecord> found;
    for (const OutcomeRecord& one : all) {
      if (one.id > id && static_cast<std::int64_t>(found.size()) < limit) found.push_back(one);
    }
    return found;
  };
}

TEST(Metrics, WhatIsUnderWayIsThereAsLongAsItIs) {
  Metrics metrics;
  metrics.reached("qemu:///system");
  metrics.began(kWeb);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("godwit_migration_round"))) << "nothing was seen yet";
  metrics.on_progress(kWeb, in_round_two());
  const std::string text = metrics.text();
  const std::string of_web = R"({vm="libvirt:qemu:///system#web",target="qemu:///system")";
  for (const std::string& sample :
       {"godwit_migration_remaining_bytes" + of_web + "} 5000000",
        "godwit_migration_bandwidth_bytes_per_second" + of_web + "} 1000000",
        "godwit_migration_dirty_bytes_per_second" + of_web + "} 250000",
        "godwit_migration_round" + of_web + "} 2",
        "godwit_migration_throttle_ratio" + of_web + "} 0.3",
        "godwit_migration_phase" + of_web + R"(,phase="active"} 1)",
        "godwit_migration_eta_seconds" + of_web + R"(,quantile="0.05"} 4)",
        "godwit_migration_eta_seconds" + of_web + R"(,quantile="0.5"} 5)",
        "godwit_migration_eta_seconds" + of_web + R"(,quantile="0.95"} 8)",
        "godwit_migration_ends_ratio" + of_web + "} 0.75",
        std::string(R"(godwit_target_reached{target="qemu:///system"} 1)")}) {
    EXPECT_THAT(text, HasSubstr(sample));
  }
  metrics.ended(kWeb, completed(7));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("web")));
}

TEST(Metrics, AFigureThatIsNotKnownIsNoZero) {
  Metrics metrics;
  metrics.began(kWeb);
  metrics.on_progress(kWeb, {});
  EXPECT_THAT(metrics.text(), HasSubstr("godwit_migration_round"));
  for (const char* unknown :
       {"eta_seconds", "remaining", "dirty", "bandwidth", "throttle", "ends"}) {
    EXPECT_THAT(metrics.text(), Not(HasSubstr(std::string("godwit_migration_") + unknown)));
  }
}

TEST(Metrics, WhatEndedOutlivesIt) {
  Metrics metrics;
  metrics.began(kWeb);
  metrics.ended(kWeb, completed(7));
  MigrationOutcome cancelled;
  cancelled.status = OutcomeStatus::kCancelled;
  metrics.began(kWeb);
  metrics.ended(kWeb, cancelled);
  const std::string text = metrics.text();
  for (const char* sample :
       {R"(godwit_migrations_total{outcome="completed",technique="precopy"} 1)",
        R"(godwit_migrations_total{outcome="cancelled",technique="precopy"} 1)",
        "godwit_migration_duration_seconds_count 1", "godwit_migration_duration_seconds_sum 7",
        R"(godwit_migration_duration_seconds_bucket{le="5"} 0)",
        R"(godwit_migration_duration_seconds_bucket{le="10"} 1)",
        R"(godwit_migration_downtime_seconds_count{kind="events"} 1)",
        R"(godwit_migration_downtime_seconds_count{kind="qemu"} 0)",
        R"(godwit_migration_downtime_seconds_bucket{kind="events",le="0.2"} 1)",
        "godwit_migration_transferred_bytes_sum 100000000"}) {
    EXPECT_THAT(text, HasSubstr(sample));
  }
}

TEST(Metrics, PredictionsAreJudgedByTheStoreAndEachRecordCountsOnce) {
  Metrics metrics;
  std::vector<OutcomeRecord> kept;
  for (std::int64_t id = 1; id <= 450; ++id) kept.push_back(record(id, id % 2 == 0 ? 11 : 20));
  ASSERT_TRUE(metrics.count_new(store_of(kept)));
  ASSERT_TRUE(metrics.count_new(store_of(kept)));
  kept.push_back(record(451, 20));
  ASSERT_TRUE(metrics.count_new(store_of(kept)));
  const std::string text = metrics.text();
  // 11 s are |10 - 11| / 11 = 0.09 off and within 9 … 12; 20 s are 0.5 off and outside
  for (const char* sample :
       {R"(godwit_migrations_total{outcome="completed",technique="precopy"} 451)",
        R"(godwit_prediction_error_ratio_count{measure="total_time"} 451)",
        R"(godwit_prediction_error_ratio_bucket{measure="total_time",le="0.05"} 0)",
        R"(godwit_prediction_error_ratio_bucket{measure="total_time",le="0.1"} 225)",
        R"(godwit_prediction_error_ratio_bucket{measure="total_time",le="0.5"} 451)"}) {
    EXPECT_THAT(text, HasSubstr(sample));
  }
  EXPECT_THAT(text, testing::ContainsRegex("interval_covered_total[{].*covered=\"true\".*[}] 225"));
  EXPECT_THAT(text,
              testing::ContainsRegex("interval_covered_total[{].*covered=\"false\".*[}] 226"));
}

TEST(Metrics, AStoreThatCannotBeReadIsAnErrorAndIsReadLater) {
  Metrics metrics;
  bool broken = true;
  const auto sometimes = [&](std::int64_t id,
                             std::int64_t limit) -> Result<std::vector<OutcomeRecord>> {
    if (broken) return fail(ErrorCode::kBusy, "it is locked");
    return store_of({record(1, 11)})(id, limit);
  };
  EXPECT_FALSE(metrics.count_new(sometimes));
  broken = false;
  EXPECT_TRUE(metrics.count_new(sometimes));
  EXPECT_THAT(metrics.text(), HasSubstr("godwit_migration_duration_seconds_count 1"));
}

TEST(Metrics, WhatAGodwitHereDrivesIsCountedFromTheStoreAlone) {
  Metrics metrics([](const watch::Followed& one) { return one.identity == kWeb.identity; });
  metrics.began(kWeb);
  metrics.on_progress(kWeb, in_round_two());
  EXPECT_THAT(metrics.text(), HasSubstr("godwit_migration_round"));
  metrics.ended(kWeb, completed(11));
  ASSERT_TRUE(metrics.count_new(store_of({record(1, 11)})));
  EXPECT_THAT(metrics.text(),
              HasSubstr(R"(godwit_migrations_total{outcome="completed",technique="precopy"} 1)"));
}

TEST(Metrics, ATargetThatIsLostIsSaid) {
  Metrics metrics;
  metrics.reached("qemu:///system");
  metrics.lost("qemu:///system", {ErrorCode::kPeerGone, "no daemon", ""});
  EXPECT_THAT(metrics.text(), HasSubstr(R"(godwit_target_reached{target="qemu:///system"} 0)"));
}

/// The names that a text has of ours, without what a histogram appends.
std::set<std::string> names_in(const std::string& text) {
  const std::regex name("godwit_[a-z_]+");
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
    std::string one = at->str();
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      if (one.ends_with(suffix)) one.resize(one.size() - std::string(suffix).size());
    }
    found.insert(one);
  }
  return found;
}

std::set<std::string> described_names() {
  std::set<std::string> names;
  for (const Described& one : all_metrics()) names.emplace(one.name);
  return names;
}

TEST(Metrics, DashboardAndAlertsNameOnlyWhatThereIs) {
  for (const char* file : {"godwit-dashboard.json", "godwit-alerts.yml"}) {
    std::ifstream in(in_source_tree(std::string("package/monitoring/") + file));
    std::stringstream text;
    text << in.rdbuf();
    const auto named = names_in(text.str());
    EXPECT_GE(named.size(), 5U) << file;
    for (const std::string& one : named) {
      EXPECT_TRUE(described_names().contains(one)) << file << ": " << one;
    }
  }
}

TEST(Metrics, WhatIsDescribedIsWhatIsServed) {
  Metrics metrics;
  metrics.reached("qemu:///system");
  metrics.began(kWeb);
  metrics.on_progress(kWeb, in_round_two());
  ASSERT_TRUE(metrics.count_new(store_of({record(1, 11)})));
  const std::string text = metrics.text();
  EXPECT_EQ(names_in(text), described_names());
  for (const Described& one : all_metrics()) {
    EXPECT_THAT(text, HasSubstr("# TYPE " + std::string(one.name) + " " + std::string(one.type)));
  }
}

}  // namespace
}  // namespace godwit::metrics
