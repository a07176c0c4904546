#include "cgroup_cpu_quota.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <memory>
#include <ostream>

#include "give_back.h"
#include "kernel_model.h"

namespace godwit::cpuquota {
namespace {

constexpr std::int64_t kPid = 100;
constexpr std::int64_t kStarted = 5000;
constexpr std::uint64_t kNamespace = 9;
constexpr const char* kGroup = "godwit-9-100-5000";

/// Where a VM's threads are, and by which version of control groups.
struct Layout {
  const char* name;
  CgroupVersion version;
  const char* mount;
  const char* root;      ///< the group that is seen at `mount`
  const char* emulator;  ///< the group of QEMU's other threads
  const char* vcpu0;
  const char* vcpu1;
  bool threaded;  ///< v2: these groups are of threads already
};

void PrintTo(const Layout& layout, std::ostream* out) {
  *out << layout.name;
}

constexpr const char* kV2 = "/sys/fs/cgroup";
constexpr const char* kV1 = "/sys/fs/cgroup/cpu,cpuacct";
constexpr Layout kByHand{"V2ByHand",
                         CgroupVersion::kV2,
                         kV2,
                         "/",
                         "/user.slice/s.scope",
                         "/user.slice/s.scope",
                         "/user.slice/s.scope",
                         false};
constexpr Layout kLibvirt{"V2Libvirt",
                          CgroupVersion::kV2,
                          kV2,
                          "/",
                          "/machine.slice/vm.scope/libvirt/emulator",
                          "/machine.slice/vm.scope/libvirt/vcpu0",
                          "/machine.slice/vm.scope/libvirt/vcpu1",
                          true};
constexpr Layout kV1ByHand{"V1ByHand", CgroupVersion::kV1, kV1, "/", "/", "/", "/", false};
constexpr Layout kLayouts[] = {
    kByHand,
    kLibvirt,
    kV1ByHand,
    {"V2Root", CgroupVersion::kV2, kV2, "/", "/", "/", "/", false},
    {"V2Hybrid", CgroupVersion::kV2, "/sys/fs/cgroup/unified", "/", "/vm", "/vm", "/vm", false},
    {"V2InAContainer", CgroupVersion::kV2, kV2, "/docker/abc", "/docker/abc", "/docker/abc",
     "/docker/abc", false},
    {"V1Libvirt", CgroupVersion::kV1, kV1, "/", "/machine.slice/vm.scope/libvirt/emulator",
     "/machine.slice/vm.scope/libvirt/vcpu0", "/machine.slice/vm.scope/libvirt/vcpu1", false},
    {"V1InAContainer", CgroupVersion::kV1, kV1, "/docker/abc", "/docker/abc/vm", "/docker/abc/vm",
     "/docker/abc/vm", false},
};

std::string name_of(const testing::TestParamInfo<Layout>& info) {
  return info.param.name;
}

/// A host with one VM of two vCPUs.
struct Host {
  explicit Host(const Layout& layout) : kernel(layout.version, layout.mount, layout.root) {
    for (const char* const group : {layout.emulator, layout.vcpu0, layout.vcpu1}) {
      kernel.add_group(group, layout.threaded);
    }
    kernel.add_process(kPid, kStarted);
    kernel.add_thread(kPid, 100, "qemu-system-x86", layout.emulator);
    kernel.add_thread(kPid, 101, "CPU 0/KVM", layout.vcpu0);
    kernel.add_thread(kPid, 102, "CPU 1/KVM", layout.vcpu1);
  }
  std::unique_ptr<CgroupCpuQuota> open(std::vector<std::int64_t> qemu_numbers = {}) {
    return std::make_unique<CgroupCpuQuota>(
        kernel, clock, VmProcess{kPid, kStarted, kNamespace, std::move(qemu_numbers)});
  }
  /// The group of ours for a thread that was in `home`.
  static std::string group(const std::string& home, std::int64_t thread) {
    return group_folder(home == "/" ? "" : home, kGroup, thread);
  }

  ManualClock clock;
  KernelModel kernel;
};

class EveryLayout : public testing::TestWithParam<Layout> {
 protected:
  Host host{GetParam()};
  KernelModel& kernel = host.kernel;
  const std::string group0 = Host::group(GetParam().vcpu0, 101);
  const std::string group1 = Host::group(GetParam().vcpu1, 102);
};
INSTANTIATE_TEST_SUITE_P(Cgroups, EveryLayout, testing::ValuesIn(kLayouts), name_of);

TEST_P(EveryLayout, EachVcpuGetsItsShareAndNobodyElseIsTouched) {
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.3)));
  EXPECT_EQ(kernel.place(101), group0);
  EXPECT_EQ(kernel.place(102), group1);
  EXPECT_EQ(kernel.place(100), GetParam().emulator);
  EXPECT_EQ(kernel.quota(group0), "3000 10000");
  EXPECT_EQ(kernel.quota(group1), "3000 10000");
}

TEST_P(EveryLayout, LiftingLeavesTheHostAsItWas) {
  const std::string before = kernel.state();
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  EXPECT_EQ(kernel.state(), before) << "a plan changes nothing";
  for (const double share : {0.3, 0.02, 1.0, 0.5}) ASSERT_TRUE(quota->limit(Ratio(share)));
  ASSERT_TRUE(quota->lift());
  EXPECT_EQ(kernel.state(), before);
  ASSERT_TRUE(quota->lift()) << "nothing is lent any more";
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.1))) << "it can be borrowed again";
  ASSERT_TRUE(quota->lift());
  EXPECT_EQ(kernel.state(), before);
}

TEST_P(EveryLayout, TheDestructorLifts) {
  const std::string before = kernel.state();
  {
    const auto quota = host.open();
    ASSERT_TRUE(quota->plan());
    ASSERT_TRUE(quota->limit(Ratio(0.3)));
  }
  EXPECT_EQ(kernel.state(), before);
}

TEST_P(EveryLayout, KilledAtAnyStepASuccessorGivesEverythingBack) {
  const std::string before = kernel.state();
  bool whole = false;
  for (int step = 0; !whole; ++step) {
    ASSERT_LT(step, 100);
    LentCpu journalled;
    {
      const auto quota = host.open();
      journalled = quota->plan().value();
      kernel.die_after(step);
      whole = quota->limit(Ratio(0.5)) && quota->limit(Ratio(0.1)) && quota->lift();
    }
    kernel.live_on();
    ASSERT_TRUE(give_back(kernel, host.clock, journalled)) << "step " << step;
    ASSERT_EQ(kernel.state(), before) << "step " << step;
    ASSERT_TRUE(give_back(kernel, host.clock, journalled)) << "and again";
    ASSERT_EQ(kernel.state(), before) << "step " << step;
  }
}

TEST_P(EveryLayout, WhateverFailsNothingStaysLimited) {
  const std::string before = kernel.state();
  bool whole = false;
  for (int step = 0; !whole; ++step) {
    ASSERT_LT(step, 100);
    const auto quota = host.open();
    ASSERT_TRUE(quota->plan());
    kernel.fail_after(step);
    const auto limited = quota->limit(Ratio(0.5));
    whole = limited.has_value();
    kernel.fail_after(-1);
    if (whole) break;
    EXPECT_EQ(limited.error().code, ErrorCode::kPermission);
    EXPECT_NE(limited.error().what_to_do, "");
    ASSERT_EQ(kernel.state(), before) << "step " << step;
  }
}

TEST_P(EveryLayout, AVmThatEndedLeavesNothing) {
  const auto quota = host.open();
  const LentCpu lent = quota->plan().value();
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  kernel.end_process(kPid);
  EXPECT_EQ(quota->used().error().code, ErrorCode::kPeerGone);
  EXPECT_EQ(quota->plan().error().code, ErrorCode::kPeerGone);
  ASSERT_TRUE(give_back(kernel, host.clock, lent));
  EXPECT_EQ(kernel.state().find("godwit"), std::string::npos);
  EXPECT_EQ(quota->limit(Ratio(0.5)).error().code, ErrorCode::kPeerGone);
  EXPECT_EQ(kernel.state().find("godwit"), std::string::npos);
}

TEST_P(EveryLayout, AThreadThatAVcpusThreadStartedGoesBackHome) {
  const std::string before = kernel.state();
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  kernel.add_thread(kPid, 103, "worker", group0);
  ASSERT_TRUE(quota->limit(Ratio(0.4)));
  EXPECT_EQ(kernel.place(103), GetParam().vcpu0);
  kernel.add_thread(kPid, 104, "worker", group1);
  ASSERT_TRUE(quota->lift());
  EXPECT_EQ(kernel.place(104), GetParam().vcpu1);
  kernel.end_thread(103);
  kernel.end_thread(104);
  EXPECT_EQ(kernel.state(), before);
}

TEST_P(EveryLayout, AGroupThatIsBusyForAMomentIsRemoved) {
  const std::string before = kernel.state();
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  kernel.stay_busy(5);
  ASSERT_TRUE(quota->lift());
  EXPECT_EQ(kernel.state(), before);
}

TEST_P(EveryLayout, TheUseOfEachVcpuIsTold) {
  const auto quota = host.open();
  kernel.use_cpu(101, 1'500'000'000);
  kernel.use_cpu(102, 250'000'000);
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  kernel.hold_back(102, 40'000);
  const auto used = quota->used().value();
  ASSERT_EQ(used.size(), 2U);
  EXPECT_EQ(used[0].vcpu, 0);
  EXPECT_EQ(used[0].thread, 101);
  EXPECT_DOUBLE_EQ(used[0].on_cpu.count(), 1.5);
  EXPECT_DOUBLE_EQ(used[0].held_back.count(), 0);
  EXPECT_EQ(used[1].vcpu, 1);
  EXPECT_DOUBLE_EQ(used[1].on_cpu.count(), 0.25);
  EXPECT_DOUBLE_EQ(used[1].held_back.count(), 0.04);
}

TEST_P(EveryLayout, WithoutRightsThePlanSaysSoAndNothingIsTouched) {
  kernel.protect(GetParam().vcpu1);
  const std::string before = kernel.state();
  const auto quota = host.open();
  const auto planned = quota->plan();
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, ErrorCode::kPermission);
  EXPECT_NE(planned.error().message.find(GetParam().mount), std::string::npos);
  EXPECT_NE(planned.error().what_to_do.text().find("Delegate"), std::string::npos);
  EXPECT_EQ(quota->limit(Ratio(0.5)).error().code, ErrorCode::kBadInput) << "nothing is planned";
  EXPECT_EQ(kernel.state(), before);
}

TEST_P(EveryLayout, AReadOnlyMountIsSaid) {
  kernel.mount_read_only();
  const auto planned = host.open()->plan();
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, ErrorCode::kPermission);
  EXPECT_NE(planned.error().what_to_do.text().find("can be written"), std::string::npos);
}

TEST_P(EveryLayout, AGroupThatNoMountShowsIsSaid) {
  kernel.unmount();
  EXPECT_EQ(host.open()->plan().error().code, ErrorCode::kUnsupported);
}

// --- vCPUs that come and go ---

TEST(CgroupCpuQuota, APluggedVcpuIsTakenInByTheNextCall) {
  Host host{kByHand};
  const auto quota = host.open();
  const LentCpu lent = quota->plan().value();
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  host.kernel.add_thread(kPid, 109, "CPU 2/KVM", kByHand.emulator);
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  EXPECT_EQ(host.kernel.place(109), Host::group(kByHand.emulator, 109));
  EXPECT_EQ(quota->plan().value(), lent) << "its home was planned";
  host.kernel.end_thread(109);
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  EXPECT_EQ(host.kernel.state().find("-109"), std::string::npos) << "it was unplugged again";
}

TEST(CgroupCpuQuota, APluggedVcpuInAGroupOfItsOwnIsPlannedFirst) {
  Host host{kLibvirt};
  const std::string home = "/machine.slice/vm.scope/libvirt/vcpu2";
  const auto quota = host.open();
  ASSERT_EQ(quota->plan().value().homes.size(), 2U);
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  host.kernel.add_group(home, true);
  host.kernel.add_thread(kPid, 109, "CPU 2/KVM", home);
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  EXPECT_EQ(host.kernel.place(109), home) << "nobody has written down yet that it is borrowed";
  ASSERT_EQ(quota->plan().value().homes.size(), 3U);
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  EXPECT_EQ(host.kernel.place(109), Host::group(home, 109));
}

// --- others' groups ---

TEST(CgroupCpuQuota, AnotherVmInTheSameGroupKeepsItsLimit) {
  Host host{kByHand};
  const std::string before = host.kernel.state();
  host.kernel.add_process(200, 7000);
  host.kernel.add_thread(200, 201, "CPU 0/KVM", kByHand.vcpu0);
  const auto mine = host.open();
  auto other = std::make_unique<CgroupCpuQuota>(host.kernel, host.clock,
                                                VmProcess{200, 7000, kNamespace, {}});
  ASSERT_TRUE(mine->plan());
  ASSERT_TRUE(mine->limit(Ratio(0.5)));
  ASSERT_TRUE(other->plan());
  ASSERT_TRUE(other->limit(Ratio(0.2)));
  ASSERT_TRUE(mine->lift());
  EXPECT_EQ(host.kernel.quota(std::string(kByHand.vcpu0) + "/godwit-9-200-7000-201"), "2000 10000");
  ASSERT_TRUE(other->lift());
  host.kernel.end_process(200);
  EXPECT_EQ(host.kernel.state(), before) << "the last one switched the controller off";
}

TEST(CgroupCpuQuota, AControllerThatSomebodyElseUsesStaysOn) {
  Host host{kByHand};
  const std::string theirs = std::string(kByHand.vcpu0) + "/theirs";
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  host.kernel.add_group(theirs, true);
  ASSERT_TRUE(quota->lift());
  EXPECT_NE(host.kernel.state().find(std::string(kByHand.vcpu0) + " false true"),
            std::string::npos);
}

TEST(CgroupCpuQuota, AControllerThatItsManagerSwitchedOffIsSwitchedOnAgain) {
  Host host{kByHand};
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  host.kernel.control_below(kByHand.vcpu0, false);
  ASSERT_TRUE(quota->limit(Ratio(0.2)));
  EXPECT_EQ(host.kernel.quota(Host::group(kByHand.vcpu0, 101)), "2000 10000");
}

TEST(CgroupCpuQuota, AnOuterLimitThatIsStricterHoldsInV1Too) {
  Host host{kV1ByHand};
  host.kernel.add_group("/vm");
  host.kernel.add_group("/vm/vcpu0");
  host.kernel.set_quota("/vm", 25'000, 100'000);
  host.kernel.add_thread(kPid, 101, "CPU 0/KVM", "/vm/vcpu0");
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  EXPECT_EQ(host.kernel.quota(Host::group("/vm/vcpu0", 101)), "2500 10000");
  EXPECT_EQ(host.kernel.quota(Host::group("/", 102)), "5000 10000");
  ASSERT_TRUE(quota->limit(Ratio(0.1)));
  EXPECT_EQ(host.kernel.quota(Host::group("/vm/vcpu0", 101)), "1000 10000");
}

TEST(GiveBack, TouchesOnlyWhatItsNamesSay) {
  Host host{kByHand};
  const LentCpu lent = host.open()->plan().value();
  for (const char* const name :
       {"/godwit-9-100-50001-101", "/godwit-9-99-5000-101", "/godwit-8-100-5000-101", "/vm"}) {
    host.kernel.add_group(kByHand.vcpu0 + std::string(name), true);
  }
  const std::string before = host.kernel.state();
  ASSERT_TRUE(give_back(host.kernel, host.clock, lent));
  EXPECT_EQ(host.kernel.state(), before);
}

TEST(GiveBack, RefusesALeaseThatNamesNoGroupOfGodwits) {
  Host host{kByHand};
  LentCpu lent = host.open()->plan().value();
  for (const char* const group : {"", "user", "godwit-/../x"}) {
    lent.group = group;
    EXPECT_EQ(give_back(host.kernel, host.clock, lent).error().code, ErrorCode::kCorrupt);
  }
}

TEST(GiveBack, AHomeThatFailsDoesNotKeepTheOthers) {
  Host host{kLibvirt};
  const auto quota = host.open();
  const LentCpu lent = quota->plan().value();
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  host.kernel.protect(kLibvirt.vcpu0);
  EXPECT_EQ(give_back(host.kernel, host.clock, lent).error().code, ErrorCode::kPermission);
  EXPECT_EQ(host.kernel.place(102), kLibvirt.vcpu1);
}

TEST(GiveBack, AThreadThatCannotBeSeenIsSaid) {
  Host host{kV1ByHand};
  const auto quota = host.open();
  const LentCpu lent = quota->plan().value();
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  host.kernel.add_thread(kPid, 0, "hidden", Host::group("/", 101));
  EXPECT_EQ(give_back(host.kernel, host.clock, lent).error().code, ErrorCode::kPermission);
  host.kernel.end_thread(0);
}

TEST(GiveBack, AGroupThatNeverGetsEmptyIsBusy) {
  Host host{kByHand};
  const auto quota = host.open();
  const LentCpu lent = quota->plan().value();
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  host.kernel.stay_busy(1'000'000);
  EXPECT_EQ(give_back(host.kernel, host.clock, lent).error().code, ErrorCode::kBusy);
  host.kernel.stay_busy(0);
}

// --- what can't be done ---

TEST(CgroupCpuQuota, AMissingControllerIsSaidWithTheUnitThatLacksIt) {
  Host host{kByHand};
  host.kernel.control_below("/user.slice", false);
  const auto planned = host.open()->plan();
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(planned.error().what_to_do, testing::HasSubstr("set-property --runtime 's.scope'"));
}

TEST(CgroupCpuQuota, AHomeThatIsSharedOutToProcessesIsSaid) {
  Host host{kByHand};
  host.kernel.add_group("/user.slice/s.scope/other");
  host.kernel.add_process(300, 9);
  host.kernel.add_thread(300, 300, "other", "/user.slice/s.scope/other");
  const std::string before = host.kernel.state();
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  const auto limited = quota->limit(Ratio(0.5));
  ASSERT_FALSE(limited);
  EXPECT_EQ(limited.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(limited.error().what_to_do, testing::HasSubstr("manager"));
  EXPECT_EQ(host.kernel.place(101), kByHand.vcpu0);
  EXPECT_EQ(host.kernel.state(), before);
}

TEST(CgroupCpuQuota, ARealTimeVcpuIsRefused) {
  Host host{kByHand};
  host.kernel.make_real_time(102);
  const auto planned = host.open()->plan();
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(planned.error().what_to_do, testing::HasSubstr("chrt --other --pid 0 102"));
}

TEST(CgroupCpuQuota, SharesThatNoKernelCanGiveAreRefused) {
  Host host{kByHand};
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  for (const double share : {0.0, -1.0, 0.0009, 1.01, std::nan("")}) {
    EXPECT_EQ(quota->limit(Ratio(share)).error().code, ErrorCode::kBadInput) << share;
  }
}

TEST(CgroupCpuQuota, AnotherProcessOfThatNumberIsLeftAlone) {
  Host host{kByHand};
  const auto quota = host.open();
  ASSERT_TRUE(quota->plan());
  host.kernel.add_process(kPid, kStarted + 1);
  const std::string before = host.kernel.state();
  EXPECT_EQ(quota->limit(Ratio(0.5)).error().code, ErrorCode::kPeerGone);
  EXPECT_EQ(host.kernel.state(), before);
}

// --- which threads are vCPUs ---

TEST(CgroupCpuQuota, ThreadsWithoutNamesAreKnownByQemusNumbers) {
  Host host{kByHand};
  for (const std::int64_t thread : {101, 102}) {
    host.kernel.end_thread(thread);
    host.kernel.add_thread(kPid, thread, "qemu-system-x86", kByHand.vcpu0);
  }
  host.kernel.number_inside(101, 8);
  host.kernel.number_inside(102, 7);  // QEMU runs in a process namespace of its own
  EXPECT_EQ(host.open()->plan().error().code, ErrorCode::kUnsupported);
  const auto quota = host.open({7, 8});
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  EXPECT_EQ(host.kernel.place(101), Host::group(kByHand.vcpu0, 101));
  EXPECT_EQ(host.kernel.place(102), Host::group(kByHand.vcpu0, 102));
  EXPECT_EQ(host.kernel.place(100), kByHand.emulator);
  EXPECT_EQ(quota->used().value()[0].thread, 102);
}

}  // namespace
}  // namespace godwit::cpuquota
