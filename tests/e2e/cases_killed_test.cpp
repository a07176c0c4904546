// What a killed Godwit borrowed is given back, and what became of its migration is said.

#include <csignal>

#include "cases.h"

namespace godwit::e2e {
namespace {

class Killed : public Cases {
 protected:
  void kill_midway(const std::string& technique) {
    GodwitProgram godwit(migrate({"--technique", technique, "--link", "20MB/s"}));
    pair().await_sent(3'000'000);
    EXPECT_NE(pair().possessions(Side::kSource), pair().possessed(Side::kSource))
        << "something was borrowed";
    godwit.signal(SIGKILL);
    (void)godwit.wait();
  }
  /// The one VM that `recover` speaks of.
  static Json recover(int status = 0) {
    const Finished run = run_godwit({"recover", "--json"});
    EXPECT_EQ(run.status, status) << run.out << run.err;
    const Json json = run.json();
    if (!json.is_object() || !json.contains("vms") || json.at("vms").size() != 1) {
      ADD_FAILURE() << "one VM was expected: " << run.out << run.err;
      return Json{{"runs_on", ""}, {"given_back", Json::array()}};
    }
    return json.at("vms").at(0);
  }
};

TEST_F(Killed, ItsMigrationCompletesAndRecoverGivesBothSidesTheirSettings) {
  start();
  kill_midway("auto-converge");
  pair().await_migration(Side::kSource, "completed");
  const Json vm = recover();
  EXPECT_EQ(vm.at("runs_on"), "destination") << vm.dump();
  EXPECT_FALSE(vm.at("given_back").empty()) << vm.dump();
  expect_as_before(Side::kSource);
  expect_as_before(Side::kDestination);
  expect_runs_only(Side::kDestination);
  const Finished again = run_godwit({"recover", "--json"});
  EXPECT_TRUE(again.json().at("vms").empty()) << "said once: " << again.out;
}

/// A limit of 2000 s that stayed would stop the guest for all of the next migration.
TEST_F(Killed, SomebodyElseCancelsItAndRecoverGivesTheSourceItsSettings) {
  start();
  kill_midway("precopy");
  (void)pair().ask(Side::kSource, "migrate_cancel");
  pair().await_migration(Side::kSource, "cancelled");
  const Json vm = recover();
  EXPECT_EQ(vm.at("runs_on"), "source") << vm.dump();
  expect_as_before(Side::kSource);
  expect_runs_only(Side::kSource);
}

/// With its memory sent, QEMU waits before the switchover for a word that nobody gives.
TEST_F(Killed, WithMirrorsNothingIsLeftStandingStill) {
  PairSetup setup;
  setup.source = drive(make_file("src.img", 16 << 20, "source"), ",id=disk0");
  setup.destination = drive(make_file("dst.img", 16 << 20), ",id=disk0");
  start(setup);
  kill_midway("precopy+storage");
  pair().await_migration(Side::kSource, "pre-switchover");
  const Json vm = recover();
  const std::string there = vm.at("runs_on");
  ASSERT_THAT(there, testing::AnyOf("source", "destination")) << vm.dump();
  expect_runs_only(there == "source" ? Side::kSource : Side::kDestination);
  expect_as_before(Side::kSource);
  expect_as_before(Side::kDestination);
}

/// The guest runs at the destination long before it is whole there.
TEST_F(Killed, InPostcopyItGoesOnAndRecoverGivesBackOnceItIsOver) {
  start();
  GodwitProgram godwit(migrate({"--technique", "postcopy", "--link", "5MB/s"}));
  pair().await_migration(Side::kSource, "postcopy-active");
  godwit.signal(SIGKILL);
  (void)godwit.wait();
  const Json during = recover(1);  // it is not over
  EXPECT_EQ(during.at("runs_on"), "destination") << during.dump();
  (void)pair().ask(Side::kSource, "migrate-set-parameters", Json{{"max-postcopy-bandwidth", 0}});
  pair().await_migration(Side::kSource, "completed");
  const Json after = recover();
  EXPECT_EQ(after.at("runs_on"), "destination") << after.dump();
  expect_as_before(Side::kSource);
  expect_as_before(Side::kDestination);
  expect_runs_only(Side::kDestination);
}

/// Whether the destination may do post-copy is asked by a setting that never becomes true.
TEST_F(Killed, WhileItAsksForPostcopyNothingIsLeftOn) {
  constexpr double kSlow = 6000;  // bytes a second: one command is long seen before the next comes
  start();
  Forwarder& forwarder = pair().forward_monitor(Side::kDestination);
  forwarder.look_for("postcopy-ram");
  forwarder.throttle(kSlow);
  GodwitProgram godwit(migrate());
  pair().await("the question", [&] { return forwarder.saw_it(); });
  forwarder.mute(true, false);
  godwit.signal(SIGKILL);
  (void)godwit.wait();
  expect_destination_untouched();
}

/// Whoever drives the VM next does as much as `recover`.
TEST_F(Killed, TheNextRunGivesBackToo) {
  start();
  kill_midway("auto-converge");
  (void)pair().ask(Side::kSource, "migrate_cancel");
  pair().await_migration(Side::kSource, "cancelled");
  const Finished next = run_godwit(migrate({"--technique", "precopy"}));
  EXPECT_NE(next.status, 0) << "that destination is spent or gone";
  expect_as_before(Side::kSource);
  expect_runs_only(Side::kSource);
}

}  // namespace
}  // namespace godwit::e2e
