// The lab, the demo, and what is left of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "godwit/base/clock.h"
#include "godwit/lab/facts.h"
#include "godwit/lab/lab.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "godwit_program.h"
#include "message_receiver.h"
#include "patience.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

constexpr const char* kDemoLab = "e2e";

/// Every test begins and ends with nothing of this lab.
class Lab : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run_godwit({"lab", "down", "--lab", kDemoLab}).status, 0);
    before_ = traces();
  }
  void TearDown() override {
    const Finished down = run_godwit({"lab", "down", "--lab", kDemoLab, "--json"});
    EXPECT_EQ(down.status, 0) << down.out << down.err;
    EXPECT_EQ(traces(), before_);
  }
  [[nodiscard]] std::string store() const { return folder_.file("outcomes.db"); }
  [[nodiscard]] Json status() const {
    return run_godwit({"lab", "status", "--lab", kDemoLab, "--json"}).json().at("lab");
  }
  void up(const std::string& load, const std::string& rate = "60MB/s",
          const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"lab", "up",     "--lab", kDemoLab, "--rate",
                                       rate,  "--load", load,    "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished run = run_godwit(arguments);
    ASSERT_EQ(run.status, 0) << run.out << run.err;
  }
  /// Returns once the guest's source has sent that much.
  void await_sent(std::int64_t bytes) {
    const std::string socket = status().at("guests").at(0).at("instances").at(0).at("observer_qmp");
    auto source = qemu::QmpHypervisor::connect(socket, clock_);
    ASSERT_TRUE(source) << source.error().message;
    const bool sent = comes(clock_, [&] {
      const auto seen = (*source)->migration_status();
      return seen && seen->transferred && seen->transferred->count() >= bytes;
    });
    ASSERT_TRUE(sent) << "the migration did not get that far";
  }

  RealClock clock_;
  TemporaryFolder folder_;
  std::vector<std::string> before_;
};

TEST_F(Lab, TheDemoMovesAGuestAndLeavesNothing) {
  const std::string data = folder_.file("data");
  ::setenv("XDG_DATA_HOME", data.c_str(), 1);  // this test's process is its own
  const Finished run = run_godwit({"demo", "--lab", kDemoLab, "--for", "2s", "--json"});
  ::unsetenv("XDG_DATA_HOME");
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_FALSE(std::filesystem::exists(data)) << "a store was made for it";
  const Json json = run.json();
  EXPECT_FALSE(json.contains("id"));
  EXPECT_EQ(json.at("outcome").at("status"), "completed");
  EXPECT_EQ(json.at("outcome").at("vm_runs_on"), "destination");
  EXPECT_EQ(json.at("outcome").at("guest").at("alive"), true);
  EXPECT_TRUE(json.at("outcome").at("downtime_ms").at("probe").is_number());
  EXPECT_TRUE(json.at("outcome").at("transferred_bytes").at("wire").is_number());
  EXPECT_TRUE(json.at("profile").at("dirty_curve").is_array());
  EXPECT_EQ(traces(), before_);
}

TEST_F(Lab, AGuestMovesToAndFroByPrecopyAndPostcopy) {
  up("memory-write,set=32MiB,rate=5MB/s,pattern=uniform,content=random,fill=40MiB");
  const auto move = [&](const std::string& host, const std::string& technique) {
    return run_godwit({"migrate", "lab:guest", "lab:" + host, "--lab", kDemoLab, "--technique",
                       technique, "--for", "1s", "--json", "--store", store()});
  };
  for (const auto& [host, technique] :
       {std::pair{"b", "precopy"}, std::pair{"a", "postcopy"}, std::pair{"b", "stop-and-copy"}}) {
    SCOPED_TRACE(technique);
    const Finished run = move(host, technique);
    ASSERT_EQ(run.status, 0) << run.out << run.err;
    const Json outcome = run.json().at("outcome");
    EXPECT_EQ(outcome.at("technique"), technique);
    EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
    const Json guest = status().at("guests").at(0);
    ASSERT_EQ(guest.at("instances").size(), 1u) << "the QEMU left behind is ended";
    EXPECT_EQ(guest.at("instances").at(0).at("host"), host);
  }
  const Json history = run_godwit({"history", "--json", "--store", store()}).json();
  EXPECT_EQ(history.at("history").size(), 3u);
}

/// Both QEMUs have the disk open, and the guest writes to it wherever it is.
TEST_F(Lab, AGuestWithADiskUnderLoadMovesToAndFro) {
  up("disk-write,set=16MiB,rate=4MB/s+disk-read,set=32MiB,rate=4MB/s", "60MB/s",
     {"--disk", "64MiB"});
  EXPECT_EQ(status().at("guests").at(0).at("disk_bytes"), 64 << 20);
  for (const auto& [host, technique] : {std::pair{"b", "precopy"}, std::pair{"a", "postcopy"}}) {
    SCOPED_TRACE(technique);
    const Finished run =
        run_godwit({"migrate", "lab:guest", std::string("lab:") + host, "--lab", kDemoLab,
                    "--technique", technique, "--for", "1s", "--json", "--store", store()});
    ASSERT_EQ(run.status, 0) << run.out << run.err;
    const Json outcome = run.json().at("outcome");
    EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
    EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
    // fills the disk anew before it is ready: a disk that can't be written now is an error
    const auto changed =
        lab::change_load(kDemoLab, "guest", "disk-write,set=16MiB,rate=4MB/s", kPatience);
    EXPECT_TRUE(changed) << changed.error().message;
  }
}

/// A key-value store under its own benchmark; both QEMUs have the drive open that it comes from.
TEST_F(Lab, ARealProgramMovesAndAnotherOneBeginsWhereItIs) {
  const auto image = lab::find_guest_image();
  ASSERT_TRUE(image) << image.error().message;
  if (const auto programs = lab::find_programs(*image); !programs) {
    GTEST_SKIP() << programs.error().message << ": " << programs.error().what_to_do.text();
  }
  up("program,name=redis");
  const Finished run =
      run_godwit({"migrate", "lab:guest", "lab:b", "--lab", kDemoLab, "--technique", "postcopy",
                  "--for", "1s", "--json", "--store", store()});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
  // done only when it has begun to work
  const auto changed = lab::change_load(kDemoLab, "guest", "program,name=nginx", kPatience);
  EXPECT_TRUE(changed) << changed.error().message;
  const auto unknown = lab::change_load(kDemoLab, "guest", "program,name=emacs", kPatience);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("redis, postgres, nginx or compile"));
}

TEST_F(Lab, ATcpConnectionOfTheGuestLivesThroughAMigrationWithoutAGap) {
  up("idle");
  const MessageReceiver receiver(status().at("client_netns"), 9000);
  const auto changed = lab::change_load(
      kDemoLab, "guest", "tcp-send,peer=10.77.0.1:9000,rate=200kB/s,size=500B", kPatience);
  ASSERT_TRUE(changed) << changed.error().message;
  const Finished run =
      run_godwit({"migrate", "lab:guest", "lab:b", "--lab", kDemoLab, "--technique", "precopy",
                  "--for", "1s", "--json", "--store", store()});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const std::int64_t at_the_end = receiver.in_order();
  EXPECT_GT(at_the_end, 0);
  (void)comes(clock_, [&] { return receiver.in_order() >= at_the_end + 400 || receiver.broken(); });
  EXPECT_GE(receiver.in_order(), at_the_end + 400) << "it goes on from where the guest is now";
  EXPECT_FALSE(receiver.broken());
}

/// Everything between the hosts takes the round trip: the stream, and the pings that measure it.
TEST_F(Lab, AGuestMovesOverAWanWhoseRoundTripIsMeasuredAndPredictedWith) {
  up("memory-write,set=16MiB,rate=2MB/s", "60MB/s", {"--round-trip", "20ms"});
  EXPECT_EQ(status().at("migration_round_trip_ms"), 20.0);
  EXPECT_THAT(run_godwit({"lab", "status", "--lab", kDemoLab}).out, HasSubstr("round trip 20 ms"));
  const Json said =
      run_godwit({"predict", "lab:guest", "--lab", kDemoLab, "--for", "1s", "--json"}).json();
  EXPECT_EQ(said.at("round_trip_ms"), 20.0) << "as it was asked for";
  for (const auto& [host, technique] : {std::pair{"b", "precopy"}, std::pair{"a", "postcopy"}}) {
    const Finished run =
        run_godwit({"migrate", "lab:guest", std::string("lab:") + host, "--lab", kDemoLab,
                    "--technique", technique, "--for", "1s", "--json", "--store", store()});
    ASSERT_EQ(run.status, 0) << run.out << run.err;
    EXPECT_GE(run.json().at("round_trip_ms"), 20.0) << "as pings measured it";
    const Json outcome = run.json().at("outcome");
    EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
    EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
  }
  const Finished named = run_godwit({"migrate", "lab:guest", "lab:b", "--lab", kDemoLab,
                                     "--technique", "precopy", "--for", "1s", "--link", "60MB/s",
                                     "--round-trip", "7ms", "--json", "--store", store()});
  ASSERT_EQ(named.status, 0) << named.out << named.err;
  EXPECT_EQ(named.json().at("round_trip_ms"), 7.0);
}

TEST_F(Lab, ARoundTripThatCannotBeHadIsRefusedBeforeAnythingIsBuilt) {
  for (const char* wrong : {"5", "0.5ms", "2s", "-5ms", "soon"}) {
    const Finished run = run_godwit(
        {"lab", "up", "--lab", kDemoLab, std::string("--round-trip=") + wrong, "--json"});
    EXPECT_EQ(run.status, 2) << wrong << run.out;
    EXPECT_EQ(run.json().at("error").at("code"), "bad_input") << run.out;
  }
  EXPECT_EQ(traces(), before_);
  const Finished alone =
      run_godwit({"predict", "--profile", "/nowhere", "--round-trip", "5ms", "--json"});
  EXPECT_EQ(alone.status, 2);
  EXPECT_THAT(alone.out, HasSubstr("--link"));
}

TEST_F(Lab, ALoadIsChangedInTheMiddleOfAMigration) {
  up("idle,fill=60MiB", "15MB/s");
  GodwitProgram godwit({"migrate", "lab:guest", "lab:b", "--lab", kDemoLab, "--technique",
                        "precopy", "--for", "1s", "--json", "--store", store()});
  await_sent(5'000'000);
  const std::string load = "memory-write,set=4MiB,rate=1MB/s+cpu,duty=5%";
  const auto changed = lab::change_load(kDemoLab, "guest", load, kPatience);
  EXPECT_TRUE(changed) << changed.error().message;
  const Finished run = godwit.wait();
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
  const Json guest = status().at("guests").at(0);
  EXPECT_EQ(guest.at("load"), load);
  EXPECT_EQ(guest.at("instances").at(0).at("host"), "b");
}

TEST_F(Lab, ACutLinkLeavesTheGuestAtTheSource) {
  up("memory-write,set=32MiB,rate=5MB/s,pattern=uniform,content=random,fill=60MiB", "10MB/s");
  GodwitProgram godwit({"migrate", "lab:guest", "lab:b", "--lab", kDemoLab, "--technique",
                        "precopy", "--for", "1s", "--max-time", "5s", "--json", "--store",
                        store()});
  await_sent(5'000'000);
  const std::string interface = status().at("hosts").at(1).at("migration_interface");
  ASSERT_EQ(
      run_godwit({"lab", "shell", "--lab", kDemoLab, "b", "ip", "link", "set", interface, "down"})
          .status,
      0);
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("vm_runs_on"), "source") << outcome.dump();
  EXPECT_EQ(outcome.at("guest").at("alive"), true) << outcome.dump();
}

TEST_F(Lab, AfterKill9InTheMiddleLabDownLeavesNothing) {
  GodwitProgram godwit(
      {"demo", "--lab", kDemoLab, "--for", "1s", "--link", "10MB/s", "--json", "--store", store()});
  const bool booted = comes(clock_, [] {
    const Json seen = run_godwit({"lab", "status", "--lab", kDemoLab, "--json"}).json();
    return seen.contains("lab") && !seen.at("lab").at("guests").empty() &&
           seen.at("lab").at("guests").at(0).at("instances").size() == 2;
  });
  ASSERT_TRUE(booted);
  await_sent(2'000'000);
  godwit.signal(SIGKILL);
  EXPECT_EQ(godwit.wait().status, 128 + SIGKILL);
  EXPECT_NE(traces(), before_) << "a killed godwit cannot clean up";
  EXPECT_EQ(run_godwit({"lab", "down", "--lab", kDemoLab}).status, 0);
  EXPECT_EQ(traces(), before_);
}

TEST_F(Lab, CtrlCWhileBuildingOrObservingLeavesNothing) {
  GodwitProgram godwit({"demo", "--lab", kDemoLab, "--json", "--store", store()});
  (void)comes(clock_, [this] { return traces() != before_; });
  godwit.signal(SIGINT);
  const Finished run = godwit.wait();
  EXPECT_NE(run.status, 0);
  EXPECT_EQ(traces(), before_) << run.out << run.err;
}

TEST_F(Lab, AnUnknownGuestOrHostIsNamedWithThoseThatExist) {
  const Finished none = run_godwit({"profile", "lab:guest", "--lab", kDemoLab, "--json"});
  EXPECT_EQ(none.status, 2) << none.out;
  EXPECT_EQ(none.json().at("error").at("code"), "not_found");
}

}  // namespace
}  // namespace godwit::e2e
