// `godwit bench command` on a real guest: Godwit's own command line is the hypervisor's.

#include <gtest/gtest.h>

#include <fstream>

#include "godwit_program.h"
#include "source_tree.h"

namespace godwit::e2e {
namespace {

constexpr const char* kLab = "e2e";

constexpr const char* kProfile = R"(
name = "godwit"
about = "guests of a lab, by godwit's own commands"
tested = "real"
patience = "500s"
poll = "50ms"
[commands]
start = ["GODWIT", "lab", "up", "--lab", "{lab}", "--hosts", "{source}", "{destination}", "--guest", "{vm}", "--ram", "192MiB", "--rate", "80MB/s", "--load", "memory-write,set=8MiB,rate=5MB/s"]
migrate = ["GODWIT", "migrate", "lab:{vm}", "lab:{destination}", "--lab", "{lab}", "--technique", "precopy", "--for", "1s", "--store", "STORE"]
status = ["GODWIT", "lab", "status", "--lab", "{lab}", "--json"]
stop = ["GODWIT", "lab", "down", "--lab", "{lab}"]
[status]
running = '"host": "{here}"'
absent = '"host": "{there}"'
[variables]
lab = "the lab's name"
source = "one of its hosts"
destination = "another"
)";

class BenchCommandOnALab : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run_godwit({"lab", "down", "--lab", kLab}).status, 0);
    before_ = traces();
    std::string text = kProfile;
    replace_all(text, "GODWIT", built_godwit());
    replace_all(text, "STORE", store());
    std::ofstream(folder_.file("godwit.toml")) << text;
  }
  void TearDown() override {
    EXPECT_EQ(run_godwit({"lab", "down", "--lab", kLab}).status, 0);
    EXPECT_EQ(traces(), before_);
  }
  static void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
  }
  [[nodiscard]] std::string store() const { return folder_.file("outcomes.db"); }

  TemporaryFolder folder_;
  std::vector<std::string> before_;
};

TEST_F(BenchCommandOnALab, AGuestIsStartedMovedToAndFroMeasuredFromOutsideAndStopped) {
  const std::vector<std::string> measured_from_outside{"--ping", "10.77.0.100", "--ping-netns",
                                                       "/run/netns/godwit-e2e-client"};
  std::vector<std::string> words{"bench",   "command",       folder_.file("godwit.toml"),
                                 "--vm",    "guest",         "--set",
                                 "lab=e2e", "--set",         "source=a",
                                 "--set",   "destination=b", "--repeats",
                                 "2",       "--start",       "--stop",
                                 "--json"};
  words.insert(words.end(), measured_from_outside.begin(), measured_from_outside.end());
  const Finished run = run_godwit(words);
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(traces(), before_) << "the stop command has taken the lab down";
  const Json seen_within =
      run_godwit({"history", "--json", "--store", store()}).json().at("history");
  const Json outcomes = run.json().at("outcomes");
  ASSERT_EQ(outcomes.size(), 2U);
  ASSERT_EQ(seen_within.size(), 2U);
  double total_within = 0;
  double total_outside = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const Json& outcome = outcomes.at(i);
    EXPECT_EQ(outcome.at("status"), "completed");
    EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
    EXPECT_EQ(outcome.at("tested"), "real");
    EXPECT_EQ(outcome.at("guest").at("alive"), true);
    EXPECT_GT(outcome.at("downtime_ms").at("probe"), 0.0) << "a client noticed it";
    EXPECT_TRUE(outcome.at("downtime_ms").at("qemu").is_null()) << "not seen from outside";
    total_outside += outcome.at("total_time_s").get<double>();
    total_within += seen_within.at(i).at("outcome").at("total_time_s").get<double>();
  }
  EXPECT_GT(total_outside, total_within) << "the command does more than migrate";
}

}  // namespace
}  // namespace godwit::e2e
