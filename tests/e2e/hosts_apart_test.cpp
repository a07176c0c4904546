// VMs on hosts of their own: their monitors' sockets get here by a forwarder, which answers in
// QEMU's place, and nothing of this host may be taken for theirs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "foreign_pair.h"
#include "forwarder.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

constexpr const char* kBusyLoad =
    "memory-write,set=32MiB,rate=5MB/s,pattern=uniform,content=random,fill=40MiB";

std::string socket_of(const std::string& vm) {
  return vm.substr(4, vm.find('@') - 4);  // behind "qmp:"
}

/// A pair of which both monitors are forwarded by one process.
struct PairApart {
  ForeignPair pair{kBusyLoad};
  TemporaryFolder folder;
  Forwarder forwarder{{{{folder.file("src")}, {socket_of(pair.source())}},
                       {{folder.file("dst")}, {socket_of(pair.destination())}}}};

  [[nodiscard]] std::string from() const { return "qmp:" + folder.file("src"); }
  [[nodiscard]] std::string to() const { return "qmp:" + folder.file("dst") + "@" + pair.stream(); }
  [[nodiscard]] std::vector<std::string> migrate(std::vector<std::string> more) const {
    std::vector<std::string> words{"migrate", from(), to(), "--json", "--store", pair.store()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST(HostsApart, WhoCannotReadTheMemoryIsToldBeforeASecondIsSpent) {
  const PairApart apart;
  const std::string who = "process " + std::to_string(apart.forwarder.pid());
  for (const auto& words :
       {apart.migrate({}), std::vector<std::string>{"profile", apart.from(), "--json"},
        std::vector<std::string>{"predict", apart.from(), "--link", "50MB/s", "--json"}}) {
    const Finished run = run_godwit(words);
    EXPECT_EQ(run.status, 3) << run.out << run.err;
    const Json error = run.json().at("error");
    EXPECT_THAT(error.at("message"), HasSubstr(who));
    EXPECT_THAT(error.at("what_to_do"), HasSubstr("--no-profile"));
    EXPECT_THAT(error.at("what_to_do"), HasSubstr("on the VM's host"));
  }
}

TEST(HostsApart, WithoutAProfileItIsMigratedByOneForwarderForBoth) {
  PairApart apart;
  const Finished run = run_godwit(apart.migrate({"--no-profile", "--link", "60MB/s"}));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json json = run.json();
  EXPECT_EQ(json.at("outcome").at("status"), "completed");
  EXPECT_EQ(json.at("outcome").at("vm_runs_on"), "destination");
  EXPECT_EQ(json.at("outcome").at("technique"), "precopy");
  EXPECT_TRUE(json.at("outcome").at("downtime_ms").at("events").is_number());
  EXPECT_FALSE(json.contains("predicted"));
  EXPECT_FALSE(json.contains("profile"));
  EXPECT_TRUE(apart.pair.works_beyond(Side::kDestination, apart.pair.work(Side::kSource)));

  const Finished history = run_godwit({"history", "--json", "--store", apart.pair.store()});
  ASSERT_EQ(history.status, 0) << history.err;
  EXPECT_EQ(history.json().at("history").at(0).at("outcome"), json.at("outcome"));
}

TEST(HostsApart, WithoutAProfileTheIntentIsKeptAsFarAsQemuKeepsIt) {
  PairApart apart;
  const Finished run = run_godwit(apart.migrate(
      {"--no-profile", "--link", "60MB/s", "--max-downtime", "77ms", "--max-time", "60s"}));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(run.json().at("outcome").at("parameters").at("downtime_limit_ms"), 77.0);
}

TEST(HostsApart, WithoutAProfileAnyTechniqueIsRunThatIsNamed) {
  PairApart apart;
  const Finished run = run_godwit(apart.migrate({"--no-profile", "--technique", "postcopy"}));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(run.json().at("outcome").at("technique"), "postcopy");
}

TEST(HostsApart, WhatOnlyAPredictionCanPromiseIsRefusedWithoutOne) {
  const PairApart apart;
  for (const auto& wish : std::vector<std::vector<std::string>>{
           {"--max-bytes", "1GiB"}, {"--max-slowdown", "10%"}, {"--prefer", "time"}}) {
    const Finished run = run_godwit(apart.migrate({"--no-profile", wish[0], wish[1]}));
    EXPECT_EQ(run.status, 2) << run.out << run.err;
    EXPECT_THAT(run.json().at("error").at("what_to_do"), HasSubstr(wish[0]));
  }
}

TEST(HostsApart, TheSourceItselfByAnotherForwarderIsNoDestination) {
  const PairApart apart;
  const std::string main = socket_of(apart.pair.source());
  const std::string again = apart.folder.file("again");
  const Forwarder another({Route{{again}, {main.substr(0, main.size() - 4) + ".spare"}}});
  const Finished run = run_godwit({"migrate", apart.from(), "qmp:" + again + "@tcp:127.0.0.1:1",
                                   "--json", "--no-profile", "--store", apart.pair.store()});
  EXPECT_EQ(run.status, 2) << run.out << run.err;
  EXPECT_THAT(run.json().at("error").at("message"), HasSubstr("destination"));
}

// --- what must be kept on this host, before anything is touched on the others ---

/// A variable of the environment for a while.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) before_ = old;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

/// This process as an ordinary user for a while, where it is root's: root's places are the
/// system's.
class OrdinaryUser {
 public:
  OrdinaryUser() : root_(::geteuid() == 0) {
    if (root_ && ::seteuid(kNobody) != 0) throw std::runtime_error("seteuid");
  }
  ~OrdinaryUser() {
    if (root_) (void)::seteuid(0);
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  bool root_;
};

/// With monitors that do not even exist: whoever looked there first would complain of that.
Finished migrate_nothing() {
  return run_godwit(
      {"migrate", "qmp:/nonexistent/a", "qmp:/nonexistent/b@tcp:127.0.0.1:1", "--json"});
}

void expect_a_way_out(const Finished& run, const char* variable) {
  ASSERT_EQ(run.status, 3) << run.out << run.err;
  const Json error = run.json().at("error");
  EXPECT_THAT(error.at("what_to_do"), HasSubstr(variable));
}

TEST(FullHome, ADiskWithoutRoomForTheJournalIsSaidFirst) {
  const TemporaryFolder home;
  std::filesystem::permissions(home.file(""), std::filesystem::perms::all);
  const OrdinaryUser user;
  const Variable elsewhere("HOME", home.file("").c_str());
  const Variable state("XDG_STATE_HOME", nullptr);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  const Finished run = migrate_nothing();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  expect_a_way_out(run, "XDG_STATE_HOME");
}

TEST(FullHome, AnUnfitPlaceForTheJournalOrTheStoreIsSaidFirst) {
  const TemporaryFolder home;
  {
    const Variable state("XDG_STATE_HOME", "/proc/nowhere");
    expect_a_way_out(migrate_nothing(), "XDG_STATE_HOME");
  }
  const Variable state("XDG_STATE_HOME", home.file("").c_str());
  const Variable data("XDG_DATA_HOME", "/proc/nowhere");
  expect_a_way_out(migrate_nothing(), "XDG_DATA_HOME");
}

TEST(FullHome, WithoutAnyHomeBothVariablesHelp) {
  const OrdinaryUser user;
  const Variable home("HOME", nullptr);
  const Variable state("XDG_STATE_HOME", nullptr);
  expect_a_way_out(migrate_nothing(), "XDG_STATE_HOME");
}

}  // namespace
}  // namespace godwit::e2e
