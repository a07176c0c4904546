// A law that slows the guest's vCPUs down, on real control groups: the guest gets its quota while
// its memory is sent, and all of its time back afterwards, also from a successor.

#include <csignal>
#include <optional>

#include "cases.h"
#include "expect_slowed.h"
#include "godwit/base/vcpu_threads.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

class SlowedDown : public Cases {
 protected:
  /// A writer that outruns the link, and needs a whole vCPU for it.
  void start_hard(PairSetup setup = {}) {
    setup.load = "memory-write,set=48MiB,rate=full,fill=48MiB";
    start(setup);
    auto groups = VcpuGroups::of(pair().pid(Side::kSource), pair().vcpu_numbers(Side::kSource));
    if (!groups) GTEST_SKIP() << groups.error().message;
    groups_ = std::move(*groups);
  }
  void await_limited() {
    pair().await("a vCPU that is limited", [&] { return !groups_->limited().empty(); });
    expect_limited_by_jin(*groups_, pair().vcpu_numbers(Side::kSource));
  }
  [[nodiscard]] std::vector<std::string> slowly(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"--technique",   "precopy",        "--law",  "jin",
                                   "--no-postcopy", "--link",         "20MB/s", "--max-time",
                                   "100s",          "--max-downtime", "500ms"};
    words.insert(words.end(), more.begin(), more.end());
    return migrate(words);
  }
  void let_it_go() {
    (void)pair().ask(Side::kSource, "migrate-set-parameters", Json{{"downtime-limit", 60'000}});
  }

  std::optional<VcpuGroups> groups_;
};

TEST_F(SlowedDown, TheGuestGetsJinsQuotaAndAllOfItsTimeBackAtTheEnd) {
  start_hard();
  if (IsSkipped()) return;
  GodwitProgram godwit(slowly());
  await_limited();
  let_it_go();
  const Finished run = godwit.wait();
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = outcome_of(run);
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  expect_quota_in(outcome);
  EXPECT_TRUE(groups_->none()) << "nothing of it is left";
  expect_runs_only(Side::kDestination);
}

TEST_F(SlowedDown, ThreadsWithoutNamesAreKnownByQemusNumbers) {
  PairSetup setup;
  setup.both = {"-name", "guest=v,debug-threads=off"};
  start_hard(setup);
  if (IsSkipped()) return;
  ASSERT_TRUE(vcpu_threads_of(pair().pid(Side::kSource)).empty()) << "they have names";
  GodwitProgram godwit(slowly());
  await_limited();
  godwit.signal(SIGINT);
  const Finished run = godwit.wait();
  EXPECT_EQ(outcome_of(run).at("vm_runs_on"), "source");
  EXPECT_TRUE(groups_->none()) << "given back when it is cancelled, too";
  expect_runs_only(Side::kSource);
}

TEST_F(SlowedDown, OfAKilledGodwitRecoverGivesTheGuestItsTimeBackAtOnce) {
  start_hard();
  if (IsSkipped()) return;
  GodwitProgram godwit(slowly());
  await_limited();
  godwit.signal(SIGKILL);
  (void)godwit.wait();
  EXPECT_FALSE(groups_->limited().empty()) << "nobody gave it back";
  const Finished first = run_godwit({"recover", "--json"});
  EXPECT_EQ(first.status, 1) << "the migration goes on by itself: " << first.out;
  EXPECT_THAT(first.out, HasSubstr("CPU time of the vCPUs"));
  EXPECT_TRUE(groups_->none()) << first.out;
  (void)pair().ask(Side::kSource, "migrate_cancel");
  pair().await_migration(Side::kSource, "cancelled");
  EXPECT_EQ(run_godwit({"recover", "--json"}).status, 0);
  expect_runs_only(Side::kSource);
  expect_as_before(Side::kSource);
}

TEST_F(SlowedDown, TheSourceThatDiesLeavesNoGroups) {
  start_hard();
  if (IsSkipped()) return;
  GodwitProgram godwit(slowly());
  await_limited();
  pair().kill(Side::kSource);
  const Finished run = godwit.wait();
  EXPECT_NE(run.status, 0);
  EXPECT_TRUE(groups_->none()) << run.out;
}

/// On another host there are no control groups of it to be seen.
TEST_F(SlowedDown, ASourceBehindAForwarderIsRefusedBeforeItIsTouched) {
  start();
  (void)pair().forward_monitor(Side::kSource);
  const Finished run = run_godwit(slowly({"--no-profile"}));
  expect_refused(run, "slows the VM's vCPUs down", 3);
  EXPECT_SAYS(run, "on the VM's host");
}

}  // namespace
}  // namespace godwit::e2e
