// Whole hosts are emptied and filled again, on real guests in a lab of three hosts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "godwit/base/clock.h"
#include "godwit/lab/facts.h"
#include "godwit/lab/guest_report.h"
#include "godwit/lab/lab.h"
#include "godwit_program.h"
#include "patience.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

constexpr const char* kFleetLab = "fleet";
constexpr Seconds kFleetPatience{60};

/// A lab of three hosts with guests on the first; state is kept in a folder of the test's own.
class Evacuate : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run_godwit({"lab", "down", "--lab", kFleetLab}).status, 0);
    before_ = traces();
    ::setenv("XDG_STATE_HOME", folder_.file("state").c_str(), 1);  // its process is the test's own
    ::setenv("XDG_DATA_HOME", folder_.file("data").c_str(), 1);
    ASSERT_TRUE(lab::up({kFleetLab, {"a", "b", "c"}, BytesPerSecond(40e6)}));
  }
  static void boot(const std::map<std::string, std::string>& guests = loads()) {
    for (const auto& [name, load] : guests) {
      lab::GuestSpec guest;
      guest.name = name;
      guest.host = "a";
      guest.ram = 112_MiB;
      guest.load = load;
      const auto started = lab::start_guest(kFleetLab, guest);
      ASSERT_TRUE(started) << started.error().message;
    }
    for (const auto& [name, load] : guests) {
      const auto ready = lab::wait_ready(kFleetLab, name, Seconds(120));
      ASSERT_TRUE(ready) << ready.error().message;
    }
  }
  void TearDown() override {
    const Finished down = run_godwit({"lab", "down", "--lab", kFleetLab, "--json"});
    EXPECT_EQ(down.status, 0) << down.out << down.err;
    EXPECT_EQ(traces(), before_);
  }

  /// The last one writes faster than the link carries: pre-copy alone never ends.
  static std::map<std::string, std::string> loads() {
    return {{"calm", "idle"},
            {"light", "memory-write,set=4MiB,rate=1MB/s"},
            {"steady", "memory-write,set=16MiB,rate=4MB/s"},
            {"wild", "memory-write,set=40MiB,rate=80MB/s"}};
  }
  static std::vector<std::string> words(const std::string& command,
                                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> all{command, "lab:a", "--lab", kFleetLab, "--for", "2s", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Each guest's one host, by the lab itself.
  static std::map<std::string, std::string> places() {
    std::map<std::string, std::string> at;
    const auto status = lab::status(kFleetLab);
    EXPECT_TRUE(status);
    for (const auto& guest : status->guests) {
      EXPECT_EQ(guest.instances.size(), 1u) << guest.spec.name;
      EXPECT_NE(guest.instances.front().pid, 0) << guest.spec.name;
      at[guest.spec.name] = guest.instances.front().host;
    }
    return at;
  }
  /// Every guest does work where it is now.
  void expect_all_work() {
    for (const auto& [name, host] : places()) {
      const auto guest = lab::find_guest(kFleetLab, name);
      ASSERT_TRUE(guest);
      const lab::Instance& one = guest->instances.front();
      lab::LabGuestCheck check({one.console, one.report}, {one.console, one.report});
      const auto first = check.look(Side::kSource);
      ASSERT_TRUE(first) << name;
      EXPECT_TRUE(comes(clock_,
                        [&] {
                          const auto again = check.look(Side::kSource);
                          return again && again->work.value_or(0) > first->work.value_or(0);
                        }))
          << name << " does not work on " << host;
    }
  }
  static void expect_at(const std::string& host, bool there) {
    for (const auto& [name, at] : places()) EXPECT_EQ(at == host, there) << name << " on " << at;
  }

  RealClock clock_;
  TemporaryFolder folder_;
  std::vector<std::string> before_;
};

TEST_F(Evacuate, AHostIsEmptiedAsPlannedAndItsGuestsAreBroughtBack) {
  boot();
  const Finished dry = run_godwit(words("evacuate", {"--dry-run"}));
  ASSERT_EQ(dry.status, 0) << dry.out << dry.err;
  EXPECT_FALSE(dry.json().contains("outcome"));
  EXPECT_EQ(dry.json().at("plan").at("moves").size(), 4u);
  EXPECT_TRUE(dry.json().at("hours").empty()) << "all was seen on one day: " << dry.out;
  expect_at("a", true);

  const Finished run = run_godwit(words("drain"));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_TRUE(outcome.at("empty_after_s").is_number());
  ASSERT_EQ(outcome.at("moves").size(), 4u);
  const auto at = places();
  for (const Json& move : outcome.at("moves")) {
    EXPECT_EQ(move.at("status"), "completed") << move.dump();
    EXPECT_EQ(move.at("runs_on"), at.at(move.at("vm")));
    EXPECT_EQ(move.at("outcome").at("guest").at("alive"), true) << move.dump();
  }
  expect_at("a", false);
  expect_all_work();

  const Finished cordoned = run_godwit(
      {"evacuate", "lab:b", "--lab", kFleetLab, "--for", "1s", "--to", "a", "--dry-run", "--json"});
  EXPECT_EQ(cordoned.status, 2) << "who was evacuated is cordoned";
  EXPECT_THAT(cordoned.out, HasSubstr("cordoned"));

  const Finished back = run_godwit(words("restore"));
  ASSERT_EQ(back.status, 0) << back.out << back.err;
  expect_at("a", true);
  expect_all_work();
  const Finished again = run_godwit(words("restore"));
  EXPECT_EQ(again.status, 0) << "nothing is left to bring back: " << again.out;
  EXPECT_TRUE(again.json().at("plan").at("moves").empty());
}

TEST_F(Evacuate, KilledInTheMiddleTheSameCommandGoesOn) {
  boot();
  GodwitProgram godwit(words("evacuate"));
  const TimePoint give_up = clock_.now() + 5 * kFleetPatience;
  std::set<std::string> moved;
  bool in_the_middle = false;
  while (!in_the_middle && !godwit.ended() && clock_.now() < give_up) {
    const auto status = lab::status(kFleetLab);
    ASSERT_TRUE(status);
    bool under_way = false;
    for (const auto& guest : status->guests) {
      if (guest.instances.front().host != "a") moved.insert(guest.spec.name);
      under_way = under_way || guest.instances.size() > 1;
    }
    in_the_middle = !moved.empty() && under_way;
    (void)clock_.wait_until(clock_.now() + Seconds(0.05), {});
  }
  ASSERT_TRUE(in_the_middle);
  godwit.signal(SIGKILL);
  EXPECT_EQ(godwit.wait().status, 128 + SIGKILL);

  const Finished run = run_godwit(words("evacuate"));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  expect_at("a", false);
  expect_all_work();
  const Json moves = run.json().at("outcome").at("moves");
  std::set<std::string> accounted;
  for (const Json& move : moves) accounted.insert(move.at("vm"));
  EXPECT_EQ(accounted.size(), 4u) << "those that were moved before the kill, too: " << moves.dump();
}

TEST_F(Evacuate, WhatCanNotBeMeantIsRefusedBeforeAnythingMoves) {
  boot({{"calm", "idle"}});
  const auto refused = [](const std::vector<std::string>& arguments, const std::string& word) {
    const Finished run = run_godwit(arguments);
    EXPECT_EQ(run.status, 2) << run.out << run.err;
    EXPECT_THAT(run.out, HasSubstr(word));
  };
  refused({"evacuate", "lab:z", "--lab", kFleetLab, "--json"}, "no host 'z'");
  refused(words("evacuate", {"--to", "b", "--to", "b"}), "named twice");
  refused(words("evacuate", {"--keep", "nobody"}), "no VM 'nobody'");
  refused(words("evacuate", {"--by", "2020-01-01T00:00:00Z"}), "has passed");
  refused(words("evacuate", {"--by", "3s"}), "it would be done after");
  refused({"evacuate", "a", "--json"}, "which fleet");
  std::ofstream(folder_.file("intents.toml")) << "[vms.clam]\nno_postcopy = true\n";
  refused(words("evacuate", {"--intent", folder_.file("intents.toml")}), "has no VM 'clam'");
  expect_at("a", true);
}

}  // namespace
}  // namespace godwit::e2e
