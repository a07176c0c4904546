// The guest's own changes, and a person's, in the middle of a migration.

#include <csignal>

#include "cases.h"

namespace godwit::e2e {
namespace {

class GuestsOwn : public Cases {
 protected:
  /// Runs `happens` once some of memory was sent over a slow link.
  template <class Happens>
  Finished migrate_while(Happens happens, const std::string& link = "2MB/s") {
    GodwitProgram godwit(migrate({"--technique", "precopy", "--link", link}));
    pair().await_sent(3'000'000);
    happens(godwit);
    return godwit.wait();
  }
};

TEST_F(GuestsOwn, APersonsPauseLeavesCtrlCWorkingAndPausedItStays) {
  start();
  const Finished run = migrate_while([&](const GodwitProgram& godwit) {
    (void)pair().ask(Side::kSource, "stop");
    godwit.signal(SIGINT);
  });
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("status"), "cancelled");
  EXPECT_EQ(pair().state(Side::kSource), "paused");
  EXPECT_EQ(pair().watch().count(Side::kSource, "RESUME"), 0);
  expect_never_two();
  expect_as_before(Side::kSource);
}

TEST_F(GuestsOwn, APersonsPauseArrivesAsAPause) {
  start();
  const Finished run = migrate_while(
      [&](const GodwitProgram&) { (void)pair().ask(Side::kSource, "stop"); }, "20MB/s");
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("status"), "completed");
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "destination");
  EXPECT_EQ(pair().state(Side::kDestination), "paused");
  EXPECT_EQ(pair().watch().count(Side::kDestination, "RESUME"), 0);
  (void)pair().ask(Side::kDestination, "cont");
  expect_runs_only(Side::kDestination);
  expect_as_before(Side::kDestination);
}

TEST_F(GuestsOwn, APausedVmIsMovedAndStaysPaused) {
  start();
  (void)pair().ask(Side::kSource, "stop");
  const Finished run = run_godwit(migrate({"--technique", "precopy"}));
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "destination");
  EXPECT_EQ(pair().state(Side::kDestination), "paused");
  (void)pair().ask(Side::kDestination, "cont");
  expect_runs_only(Side::kDestination);
}

/// Its QEMU ends with it.
TEST_F(GuestsOwn, AShutdownIsNamed) {
  PairSetup setup;
  setup.can_be_told = true;
  start(setup);
  const Finished run =
      migrate_while([&](const GodwitProgram&) { pair().tell_guest(Side::kSource, "poweroff"); });
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("status"), "failed");
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "source");
  EXPECT_SAYS(run, "shut itself down");
  EXPECT_NE(pair().state(Side::kDestination), "running");
  expect_never_two();
}

/// Its QEMU stays, and the migration could complete with a guest that is off.
TEST_F(GuestsOwn, AShutdownIsNamedWhereItsQemuStays) {
  PairSetup setup;
  setup.can_be_told = true;
  setup.both = {"-no-shutdown"};
  start(setup);
  const Finished run =
      migrate_while([&](const GodwitProgram&) { pair().tell_guest(Side::kSource, "poweroff"); });
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_SAYS(run, "shut itself down");
  EXPECT_NE(outcome_of(run).at("status"), "completed");
  EXPECT_EQ(pair().watch().count(Side::kDestination, "RESUME"), 0) << "nobody switched it on again";
  expect_never_two();
}

TEST_F(GuestsOwn, AResetIsNoEnd) {
  start();
  const Finished run = migrate_while(
      [&](const GodwitProgram&) { (void)pair().ask(Side::kSource, "system_reset"); }, "20MB/s");
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "destination");
  EXPECT_EQ(pair().state(Side::kDestination), "running");
  EXPECT_NE(pair().state(Side::kSource), "running");
  EXPECT_TRUE(pair().works_beyond(Side::kDestination, 0)) << "it booted anew";
  expect_never_two();
}

TEST_F(GuestsOwn, ACancelBySomebodyElseIsNamed) {
  start();
  const Finished run = migrate_while(
      [&](const GodwitProgram&) { (void)pair().ask(Side::kSource, "migrate_cancel"); });
  EXPECT_EQ(run.status, 1) << run.out << run.err;
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "source");
  EXPECT_SAYS(run, "cancel");
  expect_runs_only(Side::kSource);
  expect_as_before(Side::kSource);
}

TEST_F(GuestsOwn, AVmThatStandsInAnIoErrorIsNamedByQemusWord) {
  PairSetup setup;
  setup.can_be_told = true;
  setup.both = {"-drive",
                "if=virtio,werror=stop,driver=raw,file.driver=blkdebug,file.image.driver=file,"
                "file.inject-error.0.event=write_aio,file.inject-error.0.errno=28,"
                "file.image.filename=" +
                    make_file("full.img", 8 << 20)};
  start(setup);
  pair().tell_guest(Side::kSource, "load disk-write,set=4MiB,rate=1MB/s");
  pair().await_state(Side::kSource, "io-error");
  const Finished run = run_godwit(migrate({"--technique", "precopy"}));
  EXPECT_NE(run.status, 0) << run.out << run.err;
  EXPECT_SAYS(run, "io-error");
  expect_destination_untouched();
  EXPECT_EQ(pair().state(Side::kSource), "io-error");
}

}  // namespace
}  // namespace godwit::e2e
