// `godwit bench`: a suite measured, ended in every way, gone on with, and reported on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "godwit/base/clock.h"
#include "godwit_program.h"
#include "patience.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

constexpr const char* kTwoCells = R"(
name = "two"
about = "one cell by pre-copy, one by post-copy"
[cell]
technique = ["precopy", "postcopy"]
link = "80MB/s"
ram = "192MiB"
observe = "1s"
rehearse = true
[loads]
memory-write = "memory-write,set=8MiB,rate=10MB/s"
)";

class Bench : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run_godwit({"lab", "down", "--lab", "bench"}).status, 0);
    before_ = traces();
  }
  void TearDown() override { EXPECT_EQ(traces(), before_); }

  [[nodiscard]] std::string suite(const std::string& toml) const {
    std::ofstream(folder_.file("suite.toml")) << toml;
    return folder_.file("suite.toml");
  }
  [[nodiscard]] std::string store() const { return folder_.file("store"); }
  [[nodiscard]] std::vector<std::string> run_words(const std::string& toml) const {
    return {"bench", "run", suite(toml), "--store", store(), "--json"};
  }
  [[nodiscard]] std::vector<Json> trials() const {
    std::vector<Json> all;
    std::ifstream file(store() + "/trials.jsonl");
    for (std::string line; std::getline(file, line) && !file.eof();) {
      all.push_back(Json::parse(line));
    }
    return all;
  }
  void await_trials(std::size_t count) {
    (void)comes(clock_, [&] { return trials().size() >= count; });
    ASSERT_GE(trials().size(), count);
  }

  TemporaryFolder folder_;
  RealClock clock_;
  std::vector<std::string> before_;
};

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_F(Bench, ASuiteIsMeasuredOnceAndReportedOn) {
  const Finished run = run_godwit(run_words(kTwoCells));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(run.json().at("cells"), (Json{{"done", 2}, {"failed", 0}, {"left", 0}}));
  EXPECT_EQ(run.json().at("store"), store());
  ASSERT_EQ(trials().size(), 2U);
  for (const Json& trial : trials()) {
    const Json& outcome = trial.at("record").at("outcome");
    EXPECT_EQ(outcome.at("status"), "completed");
    EXPECT_EQ(outcome.at("technique"), trial.at("cell").at("technique"));
    EXPECT_EQ(outcome.at("guest").at("alive"), true);
    EXPECT_GE(trial.at("samples").at("t_s").size(), 5U);
    EXPECT_GE(trial.at("pings").at("t_s").size(), 100U);
    EXPECT_GT(trial.at("host_cpu_s").at("source"), 0.0);
    const Json& profile = trial.at("record").at("profile");
    EXPECT_EQ(profile.at("source"), "rehearsal");
    EXPECT_EQ(profile.at("other_curves").at(0).at("source"), "content-hash");
  }
  // the second cell moved the same guest back
  EXPECT_EQ(trials()[0].at("record").at("destination"), "lab:b");
  EXPECT_EQ(trials()[1].at("record").at("destination"), "lab:a");

  const Finished again = run_godwit(run_words(kTwoCells));
  EXPECT_EQ(again.status, 0) << again.out;
  EXPECT_EQ(trials().size(), 2U) << "nothing was left to measure";

  const std::string html = folder_.file("report.html");
  const Finished report = run_godwit({"bench", "report", store(), "-o", html, "--json"});
  ASSERT_EQ(report.status, 0) << report.out << report.err;
  EXPECT_EQ(report.json().at("trials"), 2);
  EXPECT_THAT(contents(html), HasSubstr("\"title\":\"two\""));
  EXPECT_THAT(contents(folder_.file("report.csv")), HasSubstr("completed,postcopy"));
  EXPECT_EQ(Json::parse(contents(folder_.file("report.json"))).at("rows").size(), 2U);

  const std::vector<std::string> data{"bench", "data", store(), "--into", folder_.file("data"),
                                      "--json"};
  EXPECT_EQ(run_godwit(data).json().at("added"), 2);
  EXPECT_EQ(run_godwit(data).json().at("added"), 0) << "each trial once";
}

constexpr const char* kDisk = R"(
name = "disk"
about = "the guest's own disk: moved live, and copied while the guest is off"
[cell]
technique = ["precopy+storage", "cold-zstd"]
link = "200MB/s"
ram = "160MiB"
observe = "1s"
[loads]
disk = "disk-write,set=16MiB,rate=1MB/s,content=compressible"
)";

TEST_F(Bench, AGuestsOwnDiskIsMovedLiveAndCold) {
  const Finished run = run_godwit(run_words(kDisk));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  ASSERT_EQ(trials().size(), 2U);
  for (const Json& trial : trials()) {
    ASSERT_FALSE(trial.contains("broken")) << trial.at("broken");
    const Json& outcome = trial.at("record").at("outcome");
    EXPECT_EQ(outcome.at("status"), "completed") << outcome.dump();
    EXPECT_EQ(outcome.at("guest").at("alive"), true);
    const Json& downtime = outcome.at("downtime_ms");
    EXPECT_GT(downtime.at("probe"), 0.0);
    if (trial.at("cell").at("technique") == "cold-zstd") {
      EXPECT_TRUE(downtime.at("events").is_null()) << "it did not stand still: it was off";
    } else {
      // the disk and nearly all of memory went while it ran
      EXPECT_LT(downtime.at("events"), 1000 * outcome.at("total_time_s").get<double>());
      EXPECT_GE(outcome.at("storage").at("mirrored_bytes"), 16 << 20);
    }
  }
}

constexpr const char* kClients = R"(
name = "clients"
about = "each load that has a client"
[cell]
technique = "precopy"
link = "200MB/s"
ram = "160MiB"
observe = "1s"
pings = false
[loads]
send = "tcp-send,peer=10.77.0.1:7102,rate=500kB/s+udp-send,peer=10.77.0.1:7103,rate=500kB/s"
receive = "tcp-receive,port=7100+udp-receive,port=7101"
http = "http,port=80"
)";

/// What must be so of any migration of that load; `events_ms`: how long the guest stood.
void expect_plausible(const std::string& load, const Json& network, double events_ms) {
  SCOPED_TRACE(load + ": " + network.dump());
  EXPECT_FALSE(network.contains("trouble"));
  EXPECT_EQ(network.contains("tcp_gap_ms"), load != "http");
  EXPECT_EQ(network.contains("udp_lost"), load != "http");
  EXPECT_EQ(network.contains("http_p50_ms"), load == "http");
  if (load != "http") {
    // messages leave every 10 ms, so that a stop may seem shorter by a few of these
    EXPECT_GT(network.at("tcp_gap_ms"), events_ms / 2);
    EXPECT_GE(network.at("udp_lost"), 0);
    EXPECT_EQ(network.at("udp_out_of_order"), 0);
    return;
  }
  // On a busy machine a request may fail; what it took is more than any answer took, so that there
  // may be no p99 then.
  for (const char* phase : {"before", "during", "after"}) {
    EXPECT_GE(network.at("http_failed").at(phase), 0) << phase;
    const double p50 = network.at("http_p50_ms").at(phase);
    EXPECT_GT(p50, 0.0) << phase;
    const Json& p99 = network.at("http_p99_ms").at(phase);
    EXPECT_GE(p99.is_null() ? p50 : p99.get<double>(), p50) << phase;
  }
  const Json& during = network.at("http_p99_ms").at("during");
  EXPECT_TRUE(during.is_null() || during > events_ms / 2);
}

TEST_F(Bench, WhatAClientOfTheGuestSeesIsMeasured) {
  const Finished run = run_godwit(run_words(kClients));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  ASSERT_EQ(trials().size(), 3U);
  for (const Json& trial : trials()) {
    ASSERT_FALSE(trial.contains("broken")) << trial.at("broken");
    const Json& outcome = trial.at("record").at("outcome");
    EXPECT_EQ(outcome.at("status"), "completed");
    expect_plausible(trial.at("cell").at("load"), trial.at("network"),
                     outcome.at("downtime_ms").at("events"));
  }
}

TEST_F(Bench, OneAtATimeAndKilledOrStoppedItGoesOnWhereItWas) {
  {
    GodwitProgram first(run_words(kTwoCells));
    await_trials(1);
    const Finished other =
        run_godwit({"bench", "collect", "--for", "1s", "--store", folder_.file("other"), "--json"});
    EXPECT_EQ(other.status, 2) << other.out;
    EXPECT_EQ(other.json().at("error").at("code"), "busy");
    first.signal(SIGKILL);
    (void)first.wait();
  }
  GodwitProgram second(run_words(std::string(kTwoCells)));
  second.signal(SIGINT);  // at once: it has nothing to keep yet, and gives everything back
  (void)second.wait();
  const std::size_t kept = trials().size();
  EXPECT_GE(kept, 1U);
  const Finished third = run_godwit(run_words(kTwoCells));
  EXPECT_EQ(third.status, 0) << third.out << third.err;
  EXPECT_EQ(third.json().at("cells").at("done"), 2)
      << third.err << trials().back().dump().substr(0, 2000);
  EXPECT_EQ(trials().size(), 2U);
}

TEST_F(Bench, ACellWhoseGuestRefusesItsLoadIsBrokenAndSaysWhy) {
  const Finished run =
      run_godwit(run_words("name = \"b\"\nabout = \"a\"\n[cell]\nobserve = \"1s\"\n[loads]\nx = "
                           "\"memory-write,set=64GiB,rate=1MB/s\"\n"));
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(run.json().at("cells"), (Json{{"done", 0}, {"failed", 1}, {"left", 0}}));
  ASSERT_EQ(trials().size(), 1U);
  EXPECT_THAT(trials()[0].at("broken").get<std::string>(), HasSubstr("needs 68719476736 bytes"));
}

TEST_F(Bench, ACampaignEndsInTimeAndGoesOn) {
  const std::vector<std::string> words{"bench", "collect", "--for",    "1s",    "--store",
                                       store(), "--seed",  "20261121", "--json"};
  const Finished run = run_godwit(words);
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const std::size_t kept = trials().size();
  EXPECT_GE(kept, 1U);
  ASSERT_EQ(run_godwit(words).status, 0);
  EXPECT_GT(trials().size(), kept);
  EXPECT_EQ(trials()[kept].at("number"), kept);
}

TEST_F(Bench, WhatCannotBeMeantIsRefusedBeforeAnythingIsBuilt) {
  const auto refused = [](const std::vector<std::string>& words) {
    const Finished run = run_godwit(words);
    EXPECT_EQ(run.status, 2) << run.out;
    return run.json().at("error").at("message").get<std::string>();
  };
  EXPECT_THAT(refused(run_words("name = \"x\"\nabout = \"a\"\nspeed = 1\n")),
              HasSubstr("line 3: unknown key 'speed'"));
  EXPECT_THAT(refused({"bench", "run", "no-such-suite", "--json"}), HasSubstr("no-such-suite"));
  EXPECT_THAT(refused({"bench", "report", folder_.file("nothing"), "--json"}),
              HasSubstr("no trials"));
  EXPECT_THAT(refused({"bench", "collect", "--for", "10", "--json"}), HasSubstr("unit"));
  EXPECT_THAT(refused({"bench", "run", suite(kTwoCells), "--store", "/dev/null/x", "--json"}),
              HasSubstr("/dev/null"));
}

}  // namespace
}  // namespace godwit::e2e
