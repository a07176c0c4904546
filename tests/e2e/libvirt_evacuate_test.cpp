// A host of libvirt's is emptied and filled again, among three on one machine.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "libvirt_hosts.h"
#include "patience.h"

namespace godwit::e2e {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> kMovable{"calm", "light", "steady"};

/// Three hosts; on the first what moves, what can't, and what does not run.
class LibvirtEvacuate : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = LibvirtHosts::why_not(); !why.empty()) GTEST_SKIP() << why;
    hosts = std::make_unique<LibvirtHosts>(std::size_t{3});
    hosts->start(0, {.name = "calm", .memory = 112_MiB});
    hosts->start(0,
                 {.name = "light", .memory = 112_MiB, .load = "memory-write,set=4MiB,rate=1MB/s"});
    hosts->start(
        0, {.name = "steady", .memory = 112_MiB, .load = "memory-write,set=16MiB,rate=4MB/s"});
  }

  /// By the URIs alone.
  [[nodiscard]] std::vector<std::string> by_uris(const std::string& command,
                                                 const std::vector<std::string>& more = {}) const {
    const auto& lab = hosts->lab();
    std::vector<std::string> words{command,   "libvirt:" + lab.uri_from_afar(0),
                                   "--hosts", lab.uri_from_afar(1) + "," + lab.uri_from_afar(2),
                                   "--link",  "40MB/s"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// By a file in which they have names.
  [[nodiscard]] std::vector<std::string> by_file(const std::string& command,
                                                 const std::vector<std::string>& more = {}) const {
    const std::string path = folder.file("fleet.toml");
    std::ofstream file(path);
    file << "link = \"16MB/s\"\n";  // or a move might end between two looks
    for (std::size_t i = 0; i < 3; ++i) {
      file << fmt::format("[hosts.{}]\nuri = \"{}\"\n", static_cast<char>('a' + i),
                          hosts->lab().uri_from_afar(i));
    }
    std::vector<std::string> words{command, "a", "--fleet", path};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static std::vector<std::string> briefly(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"--for", "1s", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void expect_all_work() {
    for (const std::string& vm : kMovable) EXPECT_TRUE(hosts->works(vm)) << vm;
  }

  TemporaryFolder folder;
  std::unique_ptr<LibvirtHosts> hosts;
};

TEST_F(LibvirtEvacuate, AHostIsEmptiedButForWhatCannotMoveAndFilledAgain) {
  hosts->start(0, {.name = "bound",
                   .memory = 112_MiB,
                   .devices = "<filesystem type='mount' accessmode='mapped'><source dir='/tmp'/>"
                              "<target dir='host'/></filesystem>"});
  hosts->virsh(0, {"define", hosts->another_domain("off")});

  const Finished twice = run_godwit({"evacuate", "libvirt:" + hosts->lab().uri(0), "--hosts",
                                     hosts->lab().uri_from_afar(0), "--link", "40MB/s"});
  EXPECT_EQ(twice.status, 2) << twice.out << twice.err;
  EXPECT_THAT(twice.err, HasSubstr("are one machine"));
  EXPECT_THAT(twice.err, Not(HasSubstr("destroy")));

  const Finished refused = run_godwit(by_uris("evacuate", briefly({"--dry-run"})));
  EXPECT_EQ(refused.status, 2) << refused.out << refused.err;
  const Json plan = refused.json().at("plan");
  ASSERT_EQ(plan.at("blockers").size(), 1U) << plan.dump();
  EXPECT_EQ(plan.at("blockers").at(0).at("vm"), "bound");
  EXPECT_THAT(plan.at("blockers").at(0).at("reason").dump(), HasSubstr("9p"));
  EXPECT_EQ(plan.at("stopped"), Json::array({"off"}));

  // one of the others takes none: all go to the third
  ASSERT_EQ(run_godwit(by_uris("cordon")).status, 0);
  EXPECT_EQ(run_godwit(by_uris("cordon", {"--undo"})).status, 0);
  const Finished run =
      run_godwit(by_uris("evacuate", briefly({"--keep", "bound", "--to", "10.92.0.3"})));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_TRUE(outcome.at("empty_after_s").is_number());
  ASSERT_EQ(outcome.at("moves").size(), kMovable.size());
  for (const Json& move : outcome.at("moves")) {
    EXPECT_EQ(move.at("status"), "completed") << move.dump();
    EXPECT_EQ(move.at("runs_on"), "10.92.0.3");
  }
  EXPECT_THAT(hosts->places(kMovable), Each(2));
  EXPECT_THAT(hosts->places({"bound"}), ElementsAre(0));
  EXPECT_EQ(hosts->state(0, "off"), "shut off (unknown)");
  expect_all_work();

  hosts->kill_daemon(Side::kDestination);
  const Finished without =
      run_godwit({"evacuate", "libvirt:" + hosts->lab().uri_from_afar(2), "--hosts",
                  hosts->lab().uri_from_afar(0) + "," + hosts->lab().uri_from_afar(1), "--link",
                  "40MB/s", "--no-profile", "--dry-run", "--json"});
  EXPECT_EQ(without.status, 2) << "the first is cordoned: " << without.out << without.err;
  EXPECT_THAT(without.err, HasSubstr("host 10.92.0.2 takes no VMs, as it does not answer"));
  hosts->start_daemon(Side::kDestination);

  hosts->stop_daemon(Side::kDestination);  // it takes connections, and does not answer
  const Finished beside = run_godwit(by_uris("restore", briefly({"--dry-run"})));
  EXPECT_EQ(beside.status, 0) << beside.out << beside.err;
  EXPECT_THAT(beside.err, HasSubstr("host 10.92.0.2 takes no VMs, as it does not answer"));
  EXPECT_EQ(beside.json().at("plan").at("moves").size(), kMovable.size());
  hosts->continue_daemon(Side::kDestination);

  const Finished back = run_godwit(by_uris("restore", briefly()));
  ASSERT_EQ(back.status, 0) << back.out << back.err;
  EXPECT_THAT(hosts->places(kMovable), Each(0));
  for (const std::string& vm : kMovable)
    EXPECT_EQ(hosts->state(2, vm), "none") << "it was transient there";
  expect_all_work();
  EXPECT_TRUE(run_godwit({"recover", "--json"}).json().at("vms").empty());
}

TEST_F(LibvirtEvacuate, KilledInTheMiddleTheSameCommandGoesOn) {
  GodwitProgram godwit(by_file("evacuate", briefly()));
  RealClock clock;
  const TimePoint give_up = clock.now() + Seconds(300);
  bool in_the_middle = false;
  while (!in_the_middle && !godwit.ended() && clock.now() < give_up) {
    int moved = 0, moves = 0;
    for (const std::string& vm : kMovable) {
      moved += hosts->state(0, vm).starts_with("shut off") ? 1 : 0;
      const Finished job = hosts->try_virsh(std::size_t{0}, {"domjobinfo", vm});
      moves += job.out.find("Unbounded") != std::string::npos ? 1 : 0;
    }
    in_the_middle = moved > 0 && moves > 0;
  }
  ASSERT_TRUE(in_the_middle) << godwit.wait().out;
  godwit.signal(SIGKILL);
  (void)godwit.wait();

  const Finished run = run_godwit(by_file("evacuate", briefly()));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(run.json().at("outcome").at("moves").size(), kMovable.size())
      << "those that were moved before the kill, too: " << run.out;
  for (const int place : hosts->places(kMovable)) EXPECT_GT(place, 0);
  expect_all_work();
}

TEST(LibvirtDemo, MovesADomainAndLeavesNothing) {
  if (const std::string why = LibvirtHosts::why_not(); !why.empty()) GTEST_SKIP() << why;
  TemporaryFolder folder;  // that of others is theirs
  ::setenv("TMPDIR", folder.file("").c_str(), 1);
  const auto built = [&folder](const std::string& file) {
    for (const auto& entry : std::filesystem::directory_iterator(folder.file(""))) {
      if (std::filesystem::exists(entry.path() / file)) return true;
    }
    return false;
  };
  const auto before = traces();
  const Finished run = run_godwit({"demo", "--libvirt", "--for", "1s", "--json"});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_EQ(outcome.at("guest").at("alive"), true);
  EXPECT_TRUE(run.json().contains("predicted"));
  EXPECT_EQ(traces(), before);
  EXPECT_FALSE(built("")) << "a folder is left";

  GodwitProgram killed({"demo", "--libvirt", "--json"});
  RealClock clock;
  (void)comes(clock, [&] { return built("host-b/ready"); });
  killed.signal(SIGKILL);
  (void)killed.wait();
  (void)comes(clock, [&] { return !built(""); });
  EXPECT_FALSE(built("")) << "its hosts end with it, and clear up";
  ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace godwit::e2e
