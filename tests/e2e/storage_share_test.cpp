// A share of a guest's disk is copied beforehand, the rest follows; and what is left when that
// breaks. Every disk is compared byte by byte.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "disk_lab.h"

namespace godwit::e2e {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;

class StorageShare : public DiskLab {
 protected:
  static constexpr const char* kWrites = "disk-write,set=16MiB,rate=4MB/s,fill=24MiB";

  void up(const std::string& rate, const std::vector<std::string>& more = {"--qcow2"}) {
    std::vector<std::string> line{"lab",         "up",     "--lab",  kLab,     "--rate",
                                  rate,          "--ram",  "128MiB", "--disk", "48MiB",
                                  "--own-disks", "--load", kWrites,  "--json"};
    line.insert(line.end(), more.begin(), more.end());
    const Finished run = run_godwit(line);
    ASSERT_EQ(run.status, 0) << run.out << run.err;
    // by another name, as the lab removes the disk of the host that the guest has left
    source_disk_ = guest().instances.front().disk + "-kept";
    std::filesystem::create_hard_link(guest().instances.front().disk, source_disk_);
  }
  [[nodiscard]] std::vector<std::string> move(const std::string& share) const {
    return {"migrate",
            "lab:guest",
            "lab:b",
            "--lab",
            kLab,
            "--technique",
            "precopy+storage",
            "--precopy-storage",
            share,
            "--no-profile",
            "--json",
            "--store",
            folder_.file("outcomes.db")};
  }
  /// The guest runs at the destination, and a part of its disk has not come.
  void await_rest() {
    std::unique_ptr<qemu::QmpHypervisor> there;
    await([&] {
      if (guest().instances.size() != 2) return false;
      auto seen = qemu::QmpHypervisor::connect(on("b").observer_qmp, clock_);
      if (seen) there = std::move(*seen);
      return there != nullptr;
    });
    await([&] {
      const auto state = there->run_state();
      const auto rest = there->rest_status();
      return state == RunState::kRunning && rest && rest->running > 0;
    });
  }
  void expect_nothing_of_ours(const std::string& host) {
    for (const char* question :
         {"query-named-block-nodes", "query-block", "query-block-exports", "query-jobs"}) {
      const std::string answer = asked(on(host), question).dump();
      for (const char* name :
           {"godwit-rest", "godwit-written", "godwit-fetch", "godwit-disk", "godwit-watch"}) {
        EXPECT_THAT(answer, Not(HasSubstr(name))) << host << ": " << question;
      }
    }
  }
  void recover() {
    const Finished recovered = run_godwit({"recover", "--lab", kLab, "--json"});
    EXPECT_EQ(recovered.status, 0) << recovered.out << recovered.err;
    expect_nothing_of_ours("a");
    expect_nothing_of_ours("b");
  }
  /// Of a guest that writes no more. Stopped, QEMU has written down all that it knows.
  void expect_same_disk() {
    ASSERT_TRUE(observe("b")->pause());
    const std::string compare =
        "qemu-img compare -U " + source_disk_ + " " + on("b").disk + " >/dev/null";
    EXPECT_EQ(std::system(compare.c_str()), 0);
    ASSERT_TRUE(observe("b")->resume());
  }
  void await_memory() {
    const auto source = observe("a");
    await([&] {
      const auto status = source->migration_status();
      return status && status->phase == MigrationPhase::kActive &&
             status->transferred.value_or(Bytes(0)) > Bytes(5'000'000);
    });
  }
  /// The guest is where it was, its disk works, and neither QEMU has anything of ours.
  void expect_untouched(const Finished& run) {
    EXPECT_EQ(run.status, 1) << run.out << run.err;
    const Json outcome = run.json().at("outcome");
    EXPECT_EQ(outcome.at("vm_runs_on"), "source") << outcome.dump();
    EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
    expect_nothing_of_ours("a");
    change_load("disk-write,set=16MiB,rate=4MB/s");  // it is filled anew: that can fail
  }

  std::string source_disk_;
};

/// Writes until its memory is under way: what was copied becomes stale.
class EachShare : public StorageShare, public testing::WithParamInterface<const char*> {};

TEST_P(EachShare, TheDiskIsTheSameAtTheEndAndNothingIsLeft) {
  up("15MB/s");
  GodwitProgram godwit(move(GetParam()));
  await_memory();
  change_load("idle");
  const Finished run = godwit.wait();
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_EQ(outcome.at("given_back"), true);
  EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
  const Json storage = outcome.at("storage");
  EXPECT_EQ(storage.at("precopy_share"), std::stod(GetParam()));
  EXPECT_FALSE(storage.at("independent_after_s").is_null()) << storage.dump();
  ASSERT_EQ(guest().instances.size(), 1U);
  expect_nothing_of_ours("b");
  expect_same_disk();
  change_load("disk-read,set=32MiB,rate=4MB/s");
  std::filesystem::remove(source_disk_);
}
INSTANTIATE_TEST_SUITE_P(Shares, EachShare, testing::Values("0", "0.25"));

TEST_F(StorageShare, IsChosenByAPredictionThatWatchedTheDisk) {
  up("10MB/s");
  change_load("disk-write,set=16MiB,rate=100kB/s");
  const Finished run = run_godwit({"migrate", "lab:guest", "lab:b", "--lab", kLab, "--technique",
                                   "auto+storage", "--prefer", "agility", "--for", "2s", "--json",
                                   "--store", folder_.file("outcomes.db")});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_EQ(outcome.at("given_back"), true);
  const Json disks = run.json().at("profile").at("disks");
  ASSERT_EQ(disks.size(), 1U);
  EXPECT_GT(disks[0].at("allocated_bytes"), 16 << 20);
  EXPECT_FALSE(disks[0].at("writes").at("classes").empty()) << disks.dump();
  const Json advice = run.json().at("predicted").at("advice");
  const Json share = outcome.at("storage").at("precopy_share");  // null: all of it
  EXPECT_EQ(share.is_null() ? Json(1.0) : share,
            advice.at("parameters").value("precopy_storage", Json(1.0)));
  expect_nothing_of_ours("b");
  std::filesystem::remove(source_disk_);
}

TEST_F(StorageShare, AKilledGodwitsWatchOfTheDiskIsEndedByRecover) {
  up("40MB/s");
  {
    GodwitProgram godwit({"profile", "lab:guest", "--lab", kLab, "--disks", "--for", "60s"});
    await([&] {
      return asked(on("a"), "query-block").dump().find("godwit-watch") != std::string::npos;
    });
    godwit.signal(SIGKILL);
    (void)godwit.wait();
  }
  const Finished recovered = run_godwit({"recover", "--lab", kLab, "--json"});
  EXPECT_EQ(recovered.status, 0) << recovered.out << recovered.err;
  EXPECT_EQ(recovered.json().at("vms").size(), 1U) << recovered.out;
  expect_nothing_of_ours("a");
  std::filesystem::remove(source_disk_);
}

TEST_F(StorageShare, AKilledGodwitsCopyIsGivenBackByRecover) {
  up("10MB/s");
  {
    GodwitProgram godwit(move("0.9"));
    await([&] {
      return asked(on("a"), "query-block").dump().find("godwit-written-1") != std::string::npos;
    });
    godwit.signal(SIGKILL);
    (void)godwit.wait();
  }
  recover();
  EXPECT_EQ(observe("a")->run_state(), RunState::kRunning);
  change_load("disk-write,set=16MiB,rate=4MB/s");
  std::filesystem::remove(source_disk_);
}

TEST_F(StorageShare, AGuestThatMovedKeepsItsSourceWhenGodwitIsKilledAndRecoverFetchesTheRest) {
  up("5MB/s");
  change_load("disk-write,set=32MiB,rate=100kB/s,fill=40MiB");
  {
    GodwitProgram godwit(move("0"));
    await_rest();
    godwit.signal(SIGKILL);
    (void)godwit.wait();
  }
  recover();
  EXPECT_EQ(observe("b")->run_state(), RunState::kRunning);
  EXPECT_EQ(observe("a")->run_state(), RunState::kPostmigrate);
  std::filesystem::remove(source_disk_);
}

TEST_F(StorageShare, TheDestinationIsKilledWhileCopyingAndTheGuestGoesOnAtTheSource) {
  up("10MB/s");
  GodwitProgram godwit(move("0.9"));
  await([&] {
    return asked(on("a"), "query-block").dump().find("godwit-written-1") != std::string::npos;
  });
  ASSERT_EQ(::kill(static_cast<pid_t>(on("b").pid), SIGKILL), 0);
  expect_untouched(godwit.wait());
  std::filesystem::remove(source_disk_);
}

TEST_F(StorageShare, ALinkThatIsCutAfterTheSwitchoverAndComesBackLosesNothing) {
  up("5MB/s");
  change_load("idle");
  const std::string interface = lab::find_host(kLab, "b")->migration_interface;
  GodwitProgram godwit(move("0"));
  await_rest();
  const auto link = [&](const char* state) {
    return run_godwit({"lab", "shell", "--lab", kLab, "b", "ip", "link", "set", interface, state});
  };
  ASSERT_EQ(link("down").status, 0);
  auto there = observe("b");
  Bytes before;
  int equal = 0;
  await([&] {  // nothing comes any more
    const Bytes now = there->rest_status().value().done;
    equal = now == before ? equal + 1 : 0;
    before = now;
    return equal == 50;
  });
  EXPECT_EQ(there->run_state(), RunState::kRunning);
  EXPECT_GT(there->rest_status().value().disks, 0);
  there.reset();  // a monitor serves one client
  ASSERT_EQ(link("up").status, 0);
  const Finished run = godwit.wait();
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_FALSE(run.json().at("outcome").at("storage").at("independent_after_s").is_null());
  expect_same_disk();
  std::filesystem::remove(source_disk_);
}

TEST_F(StorageShare, WhatCannotBeDoneIsRefusedBeforeAnythingIsTouched) {
  up("40MB/s", {});
  const auto refusal = [](std::vector<std::string> line) {
    const Finished run = run_godwit(line);
    EXPECT_EQ(run.status, 2) << run.out << run.err;
    return run.json().at("error").dump();
  };
  EXPECT_THAT(refusal(move("0.25")), HasSubstr("is raw at the destination"));
  auto no_postcopy = move("0.25");
  no_postcopy.emplace_back("--no-postcopy");
  EXPECT_THAT(refusal(no_postcopy), HasSubstr("needs both hosts"));
  EXPECT_THAT(refusal(move("1.5")), HasSubstr("is no share"));
  auto without = move("0.25");
  *std::find(without.begin(), without.end(), "precopy+storage") = "precopy";
  EXPECT_THAT(refusal(without), HasSubstr("add +storage"));
  expect_nothing_of_ours("a");
  std::filesystem::remove(source_disk_);
}

}  // namespace
}  // namespace godwit::e2e
