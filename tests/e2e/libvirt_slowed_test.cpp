// A law that slows a domain's vCPUs down: they get their quota from the kernel's control groups
// while libvirt sends the memory, and all of their time back afterwards, also from a successor.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <stdexcept>

#include "expect_slowed.h"
#include "godwit/base/vcpu_threads.h"
#include "libvirt_hosts.h"
#include "patience.h"
#include "source_tree.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;

class LibvirtSlowedDown : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = LibvirtHosts::why_not(); !why.empty()) GTEST_SKIP() << why;
    // a writer that outruns the link, and needs a whole vCPU for it
    hosts = std::make_unique<LibvirtHosts>("memory-write,set=48MiB,rate=full,fill=48MiB");
    const pid_t qemu = hosts->qemu();
    threads = vcpu_threads_of(qemu);
    auto found = VcpuGroups::of(qemu);
    if (!found) GTEST_SKIP() << found.error().message;
    groups = std::move(*found);
  }

  void await(const std::string& what, const std::function<bool()>& come) {
    if (!comes(clock, come)) throw std::runtime_error(what + " did not come");
  }
  void await_limited() {
    await("a vCPU that is limited", [&] { return !groups->limited().empty(); });
    expect_limited_by_jin(*groups, threads);
  }
  [[nodiscard]] static std::vector<std::string> slowly() {
    return {"--law",  "jin",        "--technique", "precopy",        "--no-postcopy", "--link",
            "20MB/s", "--max-time", "100s",        "--max-downtime", "500ms"};
  }

  RealClock clock;
  std::unique_ptr<LibvirtHosts> hosts;
  std::vector<std::int64_t> threads;  ///< of the source's vCPUs
  std::optional<VcpuGroups> groups;
};

TEST_F(LibvirtSlowedDown, TheGuestGetsJinsQuotaAndAllOfItsTimeBackAtTheEnd) {
  GodwitProgram godwit(hosts->migrate(slowly()));
  await_limited();
  hosts->virsh(Side::kSource, {"migrate-setmaxdowntime", "vm", "60000"});  // let it go
  const Finished run = godwit.wait();
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  expect_quota_in(outcome);
  EXPECT_TRUE(groups->none()) << "nothing of it is left";
  EXPECT_TRUE(hosts->works());
}

TEST_F(LibvirtSlowedDown, CancelledTheGuestStaysAndHasAllOfItsTime) {
  GodwitProgram godwit(hosts->migrate(slowly()));
  await_limited();
  godwit.signal(SIGINT);
  const Finished run = godwit.wait();
  EXPECT_EQ(run.json().at("outcome").at("vm_runs_on"), "source") << run.out << run.err;
  EXPECT_EQ(run.json().at("outcome").at("given_back"), true);
  EXPECT_TRUE(groups->none());
  EXPECT_TRUE(hosts->works());
}

TEST_F(LibvirtSlowedDown, OfAKilledGodwitRecoverGivesTheGuestItsTimeBackAtOnce) {
  GodwitProgram godwit(hosts->migrate(slowly()));
  await_limited();
  godwit.signal(SIGKILL);
  (void)godwit.wait();
  EXPECT_FALSE(groups->limited().empty()) << "nobody gave it back";
  const Finished first = run_godwit({"recover", "--json"});
  EXPECT_EQ(first.status, 1) << "peer-to-peer, it goes on by itself: " << first.out;
  EXPECT_THAT(first.out, HasSubstr("CPU time of the vCPUs"));
  EXPECT_TRUE(groups->none()) << first.out;
  hosts->virsh(Side::kSource, {"domjobabort", "vm"});
  hosts->await_no_job();
  EXPECT_EQ(run_godwit({"recover", "--json"}).status, 0);
  EXPECT_TRUE(hosts->works());
}

/// Among another host's processes those of the domain's are not seen.
TEST_F(LibvirtSlowedDown, OnAnotherHostItIsRefusedBeforeAnythingIsTouched) {
  std::vector<std::string> words{built_godwit(), "migrate",
                                 "libvirt:" + hosts->lab().uri_from_afar(0) + "#vm",
                                 hosts->destination(), "--no-profile"};
  const std::vector<std::string> more = slowly();
  words.insert(words.end(), more.begin(), more.end());
  const Finished run = hosts->try_on(1, words);
  EXPECT_NE(run.status, 0) << run.out;
  EXPECT_THAT(run.err, HasSubstr("slows the VM's vCPUs down"));
  EXPECT_THAT(run.err, HasSubstr("on the VM's host"));
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("running"));
  EXPECT_EQ(hosts->state(Side::kDestination), "none");
}

}  // namespace
}  // namespace godwit::e2e
