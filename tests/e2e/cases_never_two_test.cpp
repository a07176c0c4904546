// A lost connection is no ended process, and a known silence is no dead link: never two run.

#include <csignal>

#include "cases.h"

namespace godwit::e2e {
namespace {

class NeverTwo : public Cases {};

PairSetup with_a_disk_that_nobody_locks(const std::string& file) {
  PairSetup setup;
  setup.both = drive(file, ",file.locking=off");
  return setup;
}

/// The forwarder's end looks to Godwit as the QEMU's would.
TEST_F(NeverTwo, TheDestinationsMonitorIsLostForGoodAndItsQemuIsWell) {
  start(with_a_disk_that_nobody_locks(make_file("shared.img", 8 << 20)));
  Forwarder& forwarder = pair().forward_monitor(Side::kDestination);
  GodwitProgram godwit(migrate({"--technique", "precopy", "--link", "20MB/s"}));
  pair().await_sent(3'000'000);
  forwarder.kill();
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "unknown");
  EXPECT_SAYS(run, pair().file("src.qmp"));
  EXPECT_SAYS(run, pair().file("dst.forwarded"));
  EXPECT_EQ(pair().state(Side::kSource), "postmigrate");
  expect_runs_only(Side::kDestination);
  expect_as_before(Side::kSource);
}

TEST_F(NeverTwo, TheDestinationsMonitorComesBackAndNothingWasLost) {
  start();
  Forwarder& forwarder = pair().forward_monitor(Side::kDestination);
  GodwitProgram godwit(migrate({"--technique", "precopy", "--link", "20MB/s"}));
  pair().await_sent(3'000'000);
  forwarder.kill();
  pair().await_migration(Side::kSource, "completed");
  forwarder.revive();
  expect_completed(godwit.wait());
}

/// As when an sshd is restarted while memory is sent.
TEST_F(NeverTwo, BothMonitorsAreCutForAMomentInPrecopy) {
  start();
  Forwarder& forwarder = pair().forward_monitors();
  GodwitProgram godwit(migrate({"--technique", "precopy", "--link", "20MB/s", "--no-profile"}));
  pair().await_sent(3'000'000);
  forwarder.cut();
  expect_completed(godwit.wait());
}

/// Nobody can be told what to do any more, but the destination can be asked what became of it.
TEST_F(NeverTwo, TheSourcesMonitorIsLostForGood) {
  start();
  Forwarder& forwarder = pair().forward_monitor(Side::kSource);
  GodwitProgram godwit(migrate({"--technique", "precopy", "--link", "20MB/s", "--no-profile"}));
  pair().await_sent(3'000'000);
  forwarder.kill();
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_THAT(outcome_of(run).at("vm_runs_on"), testing::AnyOf("destination", "unknown"));
  EXPECT_SAYS(run, pair().file("src.forwarded"));
  pair().await_migration(Side::kSource, "completed");
  expect_runs_only(Side::kDestination);
  expect_as_before(Side::kDestination);
}

/// QEMU's monitor is silent for the whole last part.
TEST_F(NeverTwo, ALastPartOfHalfAMinuteIsWaitedFor) {
  PairSetup setup;
  setup.between = Between::kForwarder;
  setup.load = "memory-write,set=8MiB,rate=1MB/s,fill=112MiB";
  start(setup);
  pair().wire().throttle(4e6);
  const Finished run = run_godwit(
      migrate({"--technique", "stop-and-copy", "--link", "4MB/s", "--max-time", "240s"}));
  EXPECT_EQ(pair().watch().count(Side::kSource, "RESUME"), 0) << "nothing was cancelled";
  expect_completed(run);
}

/// Ctrl-C behind a stopped guest waits, too.
TEST_F(NeverTwo, CtrlCInTheLastPartCancelsNothing) {
  PairSetup setup;
  setup.between = Between::kForwarder;
  start(setup);
  pair().wire().throttle(10e6);
  GodwitProgram godwit(migrate({"--technique", "stop-and-copy", "--link", "10MB/s"}));
  ASSERT_TRUE(pair().watch().await(Side::kSource, "STOP"));
  godwit.signal(SIGINT);
  const Finished run = godwit.wait();
  const std::string there = outcome_of(run).at("vm_runs_on");
  ASSERT_THAT(there, testing::AnyOf("source", "destination")) << run.out << run.err;
  expect_runs_only(there == "source" ? Side::kSource : Side::kDestination);
}

/// A second one ends the watching: the migration goes on, and `recover` ends what is left.
TEST_F(NeverTwo, ASecondCtrlCInTheLastPartEndsTheWatching) {
  PairSetup setup;
  setup.between = Between::kForwarder;
  start(setup);
  pair().wire().throttle(10e6);
  GodwitProgram godwit(migrate({"--technique", "stop-and-copy", "--link", "10MB/s"}));
  ASSERT_TRUE(pair().watch().await(Side::kSource, "STOP"));
  pair().wire().mute(true, false);
  godwit.signal(SIGINT);
  godwit.signal(SIGTERM);
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "unknown");
  EXPECT_SAYS(run, pair().file("dst.qmp"));
  EXPECT_SAYS(run, "godwit recover");
  EXPECT_EQ(pair().watch().count(Side::kSource, "RESUME"), 0) << "nothing was cancelled";
  pair().wire().mute(false, false);
  pair().wire().throttle(0);
  pair().await_migration(Side::kSource, "completed");
  const Finished recovered = run_godwit({"recover", "--json"});
  EXPECT_EQ(recovered.status, 0) << recovered.out << recovered.err;
  EXPECT_EQ(recovered.json().at("vms").at(0).at("runs_on"), "destination");
  expect_as_before(Side::kSource);
  expect_as_before(Side::kDestination);
  expect_runs_only(Side::kDestination);
}

TEST_F(NeverTwo, ADeadLinkInPostcopyIsGivenUpWithTheWayToRecover) {
  PairSetup setup;
  setup.between = Between::kCable;
  start(setup);
  GodwitProgram godwit(
      migrate({"--technique", "postcopy", "--link", "5MB/s", "--recover-for", "3s"}));
  pair().await_migration(Side::kSource, "postcopy-active");
  ASSERT_TRUE(pair().watch().await(Side::kDestination, "RESUME"));
  pair().await_sent(3'000'000);
  pair().pull_cable();
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "both_paused");
  EXPECT_SAYS(run, "migrate-recover");
  EXPECT_EQ(pair().migration(Side::kSource), "postcopy-paused");
  // QEMU holds its big lock while its guest waits for a page: then it answers out of band only
  pair().await_split(Side::kDestination);
  expect_never_two();
}

TEST_F(NeverTwo, ALinkThatComesBackInPostcopyIsMendedAndTheGuestGoesOn) {
  PairSetup setup;
  setup.between = Between::kCable;
  start(setup);
  GodwitProgram godwit(migrate({"--technique", "postcopy", "--link", "5MB/s"}));
  pair().await_migration(Side::kSource, "postcopy-active");
  ASSERT_TRUE(pair().watch().await(Side::kDestination, "RESUME"));
  pair().await_sent(3'000'000);
  pair().pull_cable();
  pair().await_migration(Side::kSource, "postcopy-paused");
  pair().plug_cable();
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "destination");
  EXPECT_GT(outcome_of(run).at("postcopy_standstill_ms"), 10'000);
  EXPECT_SAYS(run, "mended after");
  expect_runs_only(Side::kDestination);
  expect_as_before(Side::kDestination);
}

TEST_F(NeverTwo, AStreamThatIsCutInPostcopyIsMendedAndTheGuestGoesOn) {
  PairSetup setup;
  setup.between = Between::kForwarder;
  start(setup);
  GodwitProgram godwit(migrate({"--technique", "postcopy", "--link", "5MB/s"}));
  pair().await_migration(Side::kSource, "postcopy-active");
  // before it, the destination has nothing yet, and a cut loses the guest
  ASSERT_TRUE(pair().watch().await(Side::kDestination, "RESUME"));
  pair().await_sent(3'000'000);
  pair().wire().cut();
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "destination");
  EXPECT_SAYS(run, "mended after");
  expect_runs_only(Side::kDestination);
}

TEST_F(NeverTwo, AStreamThatIsCutInPrecopyLeavesTheGuestAtTheSource) {
  PairSetup setup;
  setup.between = Between::kForwarder;
  start(setup);
  GodwitProgram godwit(migrate({"--technique", "precopy", "--link", "10MB/s"}));
  pair().await_sent(3'000'000);
  pair().wire().cut();
  const Finished run = godwit.wait();
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("status"), "failed");
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "source");
  EXPECT_SAYS(run, "anew");  // that destination is spent
  expect_runs_only(Side::kSource);
  expect_as_before(Side::kSource);
}

}  // namespace
}  // namespace godwit::e2e
