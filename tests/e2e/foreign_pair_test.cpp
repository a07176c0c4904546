// Pairs of QEMU that somebody else started, known by their QMP sockets alone.

#include "foreign_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

constexpr const char* kBusy =
    "memory-write,set=32MiB,rate=5MB/s,pattern=uniform,content=random,fill=40MiB";

std::vector<std::string> migrate(const ForeignPair& pair, std::vector<std::string> more = {}) {
  std::vector<std::string> words{
      "migrate", pair.source(), pair.destination(), "--json", "--store", pair.store(),
      "--for",   "1s",          "--link",           "60MB/s"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(ForeignPair, IsProfiledPredictedAndMigratedByItsSocketsAlone) {
  ForeignPair pair(kBusy);
  const Finished run = run_godwit({"migrate", pair.source(), pair.destination(), "--json",
                                   "--store", pair.store(), "--for", "2s"});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json json = run.json();
  EXPECT_EQ(json.at("outcome").at("status"), "completed");
  EXPECT_EQ(json.at("outcome").at("vm_runs_on"), "destination");
  EXPECT_GT(json.at("outcome").at("total_time_s"), 0.0);
  EXPECT_TRUE(json.at("outcome").at("downtime_ms").at("qemu").is_number());
  EXPECT_TRUE(json.at("outcome").at("downtime_ms").at("events").is_number());
  EXPECT_TRUE(json.at("outcome").at("downtime_ms").at("probe").is_null())
      << "nobody gave an address";
  EXPECT_FALSE(json.at("outcome").at("rounds").empty());
  EXPECT_FALSE(json.at("predicted").at("predictions").empty());
  const Json& profile = json.at("profile");
  EXPECT_GE(profile.at("ram_bytes"), 256 << 20);
  // the load writes random bytes, the kernel's pages are others
  EXPECT_LT(profile.at("contents").at("zstd_ratio"),
            profile.at("changed_contents").at("zstd_ratio"));
  EXPECT_GT(profile.at("changed_contents").at("zstd_ratio"), 0.8);
  EXPECT_GT(profile.at("change").at("modified_word_share"), 0.5);
  EXPECT_TRUE(pair.works_beyond(Side::kDestination, pair.work(Side::kSource)));

  const Finished history = run_godwit({"history", "--json", "--store", pair.store()});
  ASSERT_EQ(history.status, 0) << history.err;
  EXPECT_EQ(history.json().at("history").at(0).at("outcome"), json.at("outcome"));
}

TEST(ForeignPair, IsProfiledAgainAndAgain) {
  const ForeignPair pair(kBusy);
  const TemporaryFolder folder;
  const Finished run =
      run_godwit({"profile", pair.source(), "--for", "2s", "--every", "3s", "--times", "3", "--cpu",
                  "5%", "-o", folder.file("vm.jsonl"), "--json"});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(run.json().at("count"), 3);
  std::ifstream file(folder.file("vm.jsonl"));
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const Json profile = Json::parse(line, nullptr, false);
    ASSERT_TRUE(profile.is_object()) << line;
    EXPECT_GT(profile.at("dirty_curve").back().at("unique_bytes"), 1 << 20);
    EXPECT_GE(profile.at("host_cpus"), 1);
  }
  EXPECT_EQ(lines, 3);
}

TEST(ForeignPair, MovesByPostcopy) {
  ForeignPair pair(kBusy);
  const Finished run = run_godwit(migrate(pair, {"--technique", "postcopy"}));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("technique"), "postcopy");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_LT(outcome.at("downtime_ms").at("events"),
            1000 * outcome.at("total_time_s").get<double>());
  EXPECT_TRUE(pair.works_beyond(Side::kDestination, pair.work(Side::kSource)));
}

TEST(ForeignPair, CtrlCCancelsAndTheGuestGoesOn) {
  ForeignPair pair(kBusy);
  GodwitProgram godwit(migrate(pair, {"--technique", "precopy", "--link", "10MB/s"}));
  pair.await_sent(5'000'000);
  godwit.signal(SIGINT);
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(run.json().at("outcome").at("status"), "cancelled");
  EXPECT_EQ(run.json().at("outcome").at("vm_runs_on"), "source");
  EXPECT_TRUE(pair.works_beyond(Side::kSource, pair.work(Side::kSource)));
}

TEST(ForeignPair, SettingsAreGivenBackAfterACancelledMigration) {
  ForeignPair pair(kBusy);
  const auto before = pair.observe_source()->parameters();
  GodwitProgram godwit(migrate(pair, {"--technique", "precopy", "--link", "10MB/s"}));
  pair.await_sent(5'000'000);
  godwit.signal(SIGTERM);
  (void)godwit.wait();
  const auto source = pair.observe_source();
  const auto after = source->parameters();
  ASSERT_TRUE(before && after);
  EXPECT_EQ(*before, *after);
  EXPECT_TRUE(source->capabilities()->empty());
}

TEST(ForeignPair, TheDestinationIsKilledMidwayAndTheGuestGoesOnAtTheSource) {
  ForeignPair pair(kBusy);
  GodwitProgram godwit(migrate(pair, {"--technique", "precopy", "--link", "10MB/s"}));
  pair.await_sent(5'000'000);
  pair.kill(Side::kDestination);
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("status"), "failed");
  EXPECT_EQ(outcome.at("vm_runs_on"), "source");
  EXPECT_TRUE(pair.works_beyond(Side::kSource, pair.work(Side::kSource)));
}

TEST(ForeignPair, TheSourceIsKilledMidwayAndNobodyClaimsToKnowTheGuest) {
  ForeignPair pair(kBusy);
  GodwitProgram godwit(migrate(pair, {"--technique", "precopy", "--link", "10MB/s"}));
  pair.await_sent(5'000'000);
  pair.kill(Side::kSource);
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(run.json().at("outcome").at("status"), "failed");
  EXPECT_EQ(run.json().at("outcome").at("vm_runs_on"), "unknown");
}

TEST(ForeignPair, WhatDoesNotConvergeIsGivenUpInTime) {
  ForeignPair pair("memory-write,set=64MiB,rate=60MB/s,pattern=uniform,content=random");
  const Finished run =
      run_godwit(migrate(pair, {"--technique", "precopy", "--link", "10MB/s", "--max-time", "8s"}));
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(run.json().at("outcome").at("status"), "did_not_converge");
  EXPECT_EQ(run.json().at("outcome").at("vm_runs_on"), "source");
  EXPECT_TRUE(pair.works_beyond(Side::kSource, pair.work(Side::kSource)));
}

TEST(ForeignPair, AVmThatMigratesAlreadyIsLeftAlone) {
  ForeignPair pair(kBusy);
  {
    // Somebody else drives it, through the other monitors.
    const auto source = pair.observe_source();
    const auto destination = pair.observe_destination();
    MigrationParameters slow;
    slow.max_bandwidth = BytesPerSecond(5e6);
    ASSERT_TRUE(source->set_parameters(slow));
    ASSERT_TRUE(destination->listen(pair.stream()));
    ASSERT_TRUE(source->migrate(pair.stream()));
  }
  const Finished run = run_godwit(migrate(pair));
  EXPECT_EQ(run.status, 2) << run.out << run.err;
  EXPECT_EQ(run.json().at("error").at("code"), "busy");
  const auto status = pair.observe_source()->migration_status();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->phase, MigrationPhase::kActive) << "theirs goes on";
}

TEST(ForeignPair, TwoGodwitsNeverDriveOneVm) {
  ForeignPair pair(kBusy);
  GodwitProgram first(migrate(pair, {"--technique", "precopy", "--link", "10MB/s"}));
  pair.await_sent(2'000'000);
  const Finished second = run_godwit(
      {"migrate", pair.spare_source(), pair.destination(), "--json", "--store", pair.store()});
  EXPECT_EQ(second.status, 2) << second.out;
  EXPECT_EQ(second.json().at("error").at("code"), "busy");
  first.signal(SIGINT);
  EXPECT_EQ(first.wait().json().at("outcome").at("vm_runs_on"), "source");
}

TEST(ForeignPair, AnUnlikeDestinationIsRefusedWithTheDifference) {
  ForeignPair pair(kBusy, "256M", "128M");
  const Finished run = run_godwit(migrate(pair));
  EXPECT_EQ(run.status, 2) << run.out;
  EXPECT_THAT(run.json().at("error").at("message").get<std::string>(), HasSubstr("memory size"));
  EXPECT_TRUE(pair.works_beyond(Side::kSource, pair.work(Side::kSource)));
}

TEST(ForeignPair, AnImpossibleIntentIsRefusedBeforeAnythingStarts) {
  ForeignPair pair(kBusy);
  const Finished run = run_godwit(migrate(pair, {"--max-downtime", "1ms", "--no-postcopy"}));
  EXPECT_EQ(run.status, 2) << run.out;
  EXPECT_EQ(run.json().at("error").at("code"), "impossible");
  EXPECT_FALSE(run.json().at("predicted").at("predictions").empty());
  EXPECT_FALSE(pair.has_migrated(Side::kSource));
}

TEST(ForeignPair, TheDestinationThatIsTheSourceIsRefused) {
  ForeignPair pair(kBusy);
  const Finished run = run_godwit({"migrate", pair.source(), pair.source() + "@tcp:127.0.0.1:4444",
                                   "--json", "--store", pair.store()});
  EXPECT_EQ(run.status, 2) << run.out;
  EXPECT_THAT(run.json().at("error").at("message").get<std::string>(),
              HasSubstr("destination is the source"));
}

}  // namespace
}  // namespace godwit::e2e
