// Godwit's own law on real QEMU: a guest that QEMU alone would never move (it writes 16
// MiB again and again, and at 12 MB/s the limit of 300 ms fits 3.6 MB) ends as its owner allows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "godwit_program.h"

namespace godwit::e2e {
namespace {

constexpr const char* kLawLab = "e2elaw";
constexpr const char* kLoad =
    "memory-write,set=16MiB,rate=100MB/s,pattern=uniform,content=random,fill=24MiB";

class ByLaw : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    (void)run_godwit({"lab", "down", "--lab", kLawLab});  // of a run that was killed
    const Finished up = run_godwit({"lab", "up", "--lab", kLawLab, "--rate", "12MB/s", "--ram",
                                    "128MiB", "--load", kLoad, "--json"});
    ASSERT_EQ(up.status, 0) << up.out << up.err;
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(run_godwit({"lab", "down", "--lab", kLawLab}).status, 0);
  }

  /// To the host where the guest is not.
  Finished migrate(const std::vector<std::string>& more) {
    const Json lab = run_godwit({"lab", "status", "--lab", kLawLab, "--json"}).json().at("lab");
    const std::string here = lab.at("guests").at(0).at("instances").at(0).at("host");
    std::vector<std::string> words{"migrate",
                                   "lab:guest",
                                   here == "a" ? "lab:b" : "lab:a",
                                   "--lab",
                                   kLawLab,
                                   "--technique",
                                   "precopy",
                                   "--law",
                                   "godwit",
                                   "--for",
                                   "1s",
                                   "--store",
                                   folder_.file("outcomes.db"),
                                   "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run_godwit(words);
  }

  TemporaryFolder folder_;
};

std::vector<Json> lines_of(const Finished& run) {
  std::vector<Json> lines;
  std::istringstream text(run.out);
  for (std::string line; std::getline(text, line);) {
    lines.push_back(Json::parse(line, nullptr, false));
  }
  return lines;
}

TEST_F(ByLaw, ALongerStopThatIsAllowedEndsIt) {
  const Finished run = migrate({"--max-downtime", "2s", "--no-postcopy", "--events"});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const std::vector<Json> lines = lines_of(run);
  const Json outcome = lines.back().at("outcome");
  EXPECT_EQ(outcome.at("status"), "completed");
  EXPECT_EQ(outcome.at("technique"), "precopy");
  EXPECT_EQ(outcome.at("guest").at("alive"), true);
  EXPECT_EQ(outcome.at("requested").at("law"), "godwit");
  ASSERT_FALSE(outcome.at("orders").empty());
  const Json& order = outcome.at("orders").at(0);
  EXPECT_TRUE(order.at("accepted")) << order.dump();
  EXPECT_GT(order.at("order").at("downtime_limit_ms"), 10);
  EXPECT_FALSE(order.at("weighed").empty());
  std::size_t rounds = 0;
  std::size_t orders = 0;
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    rounds += lines[i].at("event") == "round" ? 1 : 0;
    orders += lines[i].at("event") == "order" ? 1 : 0;
    EXPECT_TRUE(lines[i].contains("eta_s") && lines[i].contains("ends_probability"));
  }
  EXPECT_EQ(rounds, outcome.at("rounds").size());
  EXPECT_EQ(orders, outcome.at("orders").size());
}

TEST_F(ByLaw, PostcopyEndsItWhereNoLimitKeepsTheStop) {
  const Finished run = migrate({"--max-downtime", "50ms"});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("status"), "completed");
  EXPECT_EQ(outcome.at("technique"), "hybrid");
  EXPECT_EQ(outcome.at("guest").at("alive"), true);
  EXPECT_TRUE(outcome.at("orders").back().at("order").at("switch_to_postcopy"));
}

TEST_F(ByLaw, OnlyObservingItOrdersNothingAndShowsWhatItWould) {
  const Finished run = migrate({"--max-time", "20s", "--no-postcopy", "--observe-only"});
  const Json outcome = run.json().at("outcome");
  ASSERT_FALSE(outcome.at("orders").empty()) << run.out << run.err;
  EXPECT_EQ(outcome.at("parameters").value("downtime_limit_ms", 300.0), 300.0);
  for (const Json& order : outcome.at("orders")) {
    EXPECT_FALSE(order.at("accepted"));
    EXPECT_THAT(order.at("refused").get<std::string>(), testing::HasSubstr("observed only"));
  }
}

}  // namespace
}  // namespace godwit::e2e
