// `godwit bench command` against a stand-in: what it asks, what it says, how it ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "godwit/research/commands.h"
#include "testing/stand_ins.h"

namespace godwit::research {
namespace {

using testing::HasSubstr;

/// The file `at` names the host where the VM runs.
constexpr const char* kHypervisor = R"sh(case $1 in
start) echo "$2" > $dir/at ;;
migrate)
  echo > $dir/begun
  [ -e $dir/refuses ] && { echo "error: no room" >&2; exit 4; }
  echo "$2" > $dir/at ;;
status)
  [ "$(cat $dir/at)" = "$2" ] && { echo "$3 running"; exit 0; }
  echo "no such vm" >&2; exit 1 ;;
stop) echo "$2" > $dir/stopped ;;
esac
)sh";

constexpr const char* kHosts = " --vm web1 --set source=a --set destination=b";

class BenchCommand : public testing::Test {
 protected:
  BenchCommand() {
    stand_ins_.command("hv", kHypervisor);
    stand_ins_.write("hv.toml", command::kStandInProfile);
    stand_ins_.write("at", "a");
  }

  /// With --json, or as people see it.
  int run(const std::string& profile, const std::string& options, bool json = true) {
    terminal::Command app("test", "godwit");
    terminal::Chosen chosen;
    add_bench(app, chosen);
    app.cli11().parse("bench command " + profile + options, false);
    terminal::Output out(json);
    terminal::Context context{out, clock_, stop_.get_token()};
    testing::internal::CaptureStdout();
    const int status = chosen.action(context);
    printed_ = testing::internal::GetCapturedStdout();
    return status;
  }
  int run(const std::string& options) { return run(stand_ins_.path("hv.toml"), options); }
  [[nodiscard]] Json json() const { return Json::parse(printed_); }

  void change_profile(const std::string& from, const std::string& to) const {
    std::string text = stand_ins_.read("hv.toml");
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    stand_ins_.write("hv.toml", text.replace(at, from.size(), to));
  }
  void expect_refused(const std::string& options, int status, const std::string& why) {
    EXPECT_EQ(run(options), status) << options << "\n" << printed_;
    EXPECT_THAT(json().at("error").at("message").get<std::string>(), HasSubstr(why));
    EXPECT_FALSE(json().at("error").at("what_to_do").get<std::string>().empty());
    EXPECT_FALSE(stand_ins_.has("begun")) << options;
  }

  command::StandIns stand_ins_;
  RealClock clock_;
  std::stop_source stop_;
  std::string printed_;
};

TEST_F(BenchCommand, StartsMovesToAndFroAndStops) {
  stand_ins_.write("at", "");
  ASSERT_EQ(run(std::string(kHosts) + " --start --repeats 3 --stop --interface lo"), 0) << printed_;
  const Json outcomes = json().at("outcomes");
  ASSERT_EQ(outcomes.size(), 3U);
  for (const Json& outcome : outcomes) {
    EXPECT_EQ(outcome.at("status"), "completed");
    EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
    EXPECT_TRUE(outcome.at("total_time_s").is_number());
    EXPECT_TRUE(outcome.at("transferred_bytes").at("wire").is_number());
    EXPECT_TRUE(outcome.at("downtime_ms").at("probe").is_null()) << "nobody pinged";
  }
  EXPECT_EQ(stand_ins_.read("stopped"), "b\n") << "the third migration ended there";
}

TEST_F(BenchCommand, EachOutcomeSaysHowItsProfileWasTested) {
  ASSERT_EQ(run(kHosts), 0) << printed_;
  EXPECT_EQ(json().at("outcomes").at(0).at("profile"), "hv");
  EXPECT_EQ(json().at("outcomes").at(0).at("tested"), "stand-in");
  stand_ins_.write("at", "a");
  ASSERT_EQ(run(stand_ins_.path("hv.toml"), kHosts, false), 0);
  EXPECT_THAT(printed_, HasSubstr("profile hv: tested against stand-in commands only"));
  stand_ins_.write("at", "a");
  change_profile("\"stand-in\"", "\"real\"");
  ASSERT_EQ(run(kHosts), 0) << printed_;
  EXPECT_EQ(json().at("outcomes").at(0).at("tested"), "real");
}

TEST_F(BenchCommand, AMigrationThatIsRefusedEndsTheRunAndIsNoSuccess) {
  stand_ins_.write("refuses", "");
  EXPECT_EQ(run(std::string(kHosts) + " --repeats 3 --stop"), 1);
  ASSERT_EQ(json().at("outcomes").size(), 1U);
  const Json outcome = json().at("outcomes").at(0);
  EXPECT_EQ(outcome.at("status"), "failed");
  EXPECT_EQ(outcome.at("vm_runs_on"), "source");
  EXPECT_THAT(outcome.at("reason").get<std::string>(), HasSubstr("failed (4): error: no room"));
  EXPECT_FALSE(stand_ins_.has("stopped"));
}

TEST_F(BenchCommand, WhatCannotBeMeantMovesNothing) {
  expect_refused(" --vm web1 --set source=a", 2, "variable destination is missing");
  expect_refused(std::string(kHosts) + " --set user", 2, "--set user has no value");
  expect_refused(std::string(kHosts) + " --set user=me", 2, "no variable 'user'");
  expect_refused(std::string(kHosts) + " --repeats 0", 2, "--repeats 0");
  expect_refused(std::string(kHosts) + " --max-time 5", 2, "--max-time");
  expect_refused(std::string(kHosts) + " --max-time 0s", 2, "--max-time");
  expect_refused(std::string(kHosts) + " --interface no-such-one", 2, "no-such-one");
  expect_refused(std::string(kHosts) + " --ping nowhere", 2, "nowhere");
  change_profile("\"hv\", \"migrate\"", "\"godwit-no-such-program\", \"migrate\"");
  expect_refused(kHosts, 3, "godwit-no-such-program is missing");
  change_profile("tested =", "tasted =");
  expect_refused(kHosts, 2, "line 3: unknown key 'tasted'");
  EXPECT_EQ(run("no-such-profile", kHosts), 2);
  EXPECT_THAT(printed_, HasSubstr("no-such-profile"));
}

TEST_F(BenchCommand, WithoutAWayBackThereIsOneMigration) {
  change_profile("source = \"a host\"\n", "");
  change_profile("\"{source}\"", "\"a\"");
  change_profile("\"{here}\"", "\"a\"");
  change_profile("\"{here}\"", "\"a\"");
  expect_refused(" --vm web1 --set destination=b --repeats 2", 2, "no way back");
}

TEST_F(BenchCommand, AfterCtrlCNothingIsOrderedAnyMore) {
  stop_.request_stop();
  EXPECT_EQ(run(kHosts), 1);
  EXPECT_EQ(json().at("error").at("code"), "interrupted");
  EXPECT_TRUE(json().at("outcomes").empty());
  EXPECT_FALSE(stand_ins_.has("begun"));
}

}  // namespace
}  // namespace godwit::research
