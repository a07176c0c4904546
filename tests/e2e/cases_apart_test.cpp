// Hosts apart: who answers on a monitor's socket is a forwarder and not QEMU.

#include "cases.h"

namespace godwit::e2e {
namespace {

class Apart : public Cases {};

TEST_F(Apart, AForwardedSourceMovesWithoutAProfileOrSaysThatWay) {
  start();
  (void)pair().forward_monitor(Side::kSource);
  const Finished with = run_godwit(migrate({"--technique", "precopy"}));
  EXPECT_THAT(with.status, testing::AnyOf(2, 3)) << with.out << with.err;
  EXPECT_SAYS(with, "--no-profile");
  expect_destination_untouched();
  expect_completed(run_godwit(migrate({"--technique", "precopy", "--no-profile"})));
}

/// Both sockets have one peer, and are two VMs for all that.
TEST_F(Apart, OneForwarderForBothIsNoSecondGodwit) {
  start();
  (void)pair().forward_monitors();
  expect_completed(run_godwit(migrate({"--technique", "precopy", "--no-profile"})));
}

/// The same VM behind two forwarders is one.
TEST_F(Apart, ADestinationThatIsTheSourceIsSeenThroughAForwarder) {
  start();
  const Forwarder second({Route{{pair().file("second")}, {pair().file("src.spare")}}});
  (void)pair().forward_monitor(Side::kSource);
  const Finished run = run_godwit({"migrate", pair().source(),
                                   "qmp:" + pair().file("second") + "@" + pair().stream(), "--json",
                                   "--no-profile"});
  EXPECT_EQ(run.status, 2) << run.out << run.err;
  EXPECT_SAYS(run, "is the source");
  expect_runs_only(Side::kSource);
}

TEST_F(Apart, AForwardedPostcopyMoves) {
  start();
  (void)pair().forward_monitors();
  expect_completed(run_godwit(migrate({"--technique", "postcopy", "--no-profile"})));
}

}  // namespace
}  // namespace godwit::e2e
