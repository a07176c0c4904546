#include "godwit/libvirt/job.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "godwit/libvirt/api.h"
#include "godwit/libvirt/domain.h"
#include "godwit/libvirt/speed.h"

namespace godwit::libvirt {
namespace {

virTypedParameter counted(const char* name, unsigned long long value) {
  virTypedParameter one{};
  std::strncpy(one.field, name, sizeof one.field - 1);
  one.type = VIR_TYPED_PARAM_ULLONG;
  one.value.ul = value;
  return one;
}

std::vector<virTypedParameter> running_job() {
  return {
      counted(VIR_DOMAIN_JOB_TIME_ELAPSED, 2500),     counted(VIR_DOMAIN_JOB_DOWNTIME, 40),
      counted(VIR_DOMAIN_JOB_MEMORY_TOTAL, 1000),     counted(VIR_DOMAIN_JOB_MEMORY_PROCESSED, 600),
      counted(VIR_DOMAIN_JOB_MEMORY_REMAINING, 400),  counted(VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, 10),
      counted(VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, 4096), counted(VIR_DOMAIN_JOB_MEMORY_ITERATION, 2),
      counted(VIR_DOMAIN_JOB_MEMORY_BPS, 5000)};
}

TEST(Job, IsToldInGodwitsWords) {
  const MigrationStatus status = status_of(running_job(), false);
  EXPECT_EQ(status.total_time, Seconds(2.5));
  EXPECT_EQ(status.transferred, Bytes(600));
  EXPECT_EQ(status.remaining, Bytes(400));
  EXPECT_EQ(status.dirty_rate, BytesPerSecond(40960)) << "libvirt counts pages";
  EXPECT_EQ(status.throughput, BytesPerSecond(5000));
  EXPECT_EQ(status.downtime, std::nullopt) << "before the end it is what is expected";
  EXPECT_EQ(status.expected_downtime, Seconds(0.04));
  EXPECT_EQ(status_of(running_job(), true).downtime, Seconds(0.04));
}

TEST(Job, BeforeMemorysTurnNothingIsSentAndNothingIsLeft) {
  std::vector<virTypedParameter> job = running_job();
  job[2].value.ul = 0;
  EXPECT_EQ(status_of(job, false).transferred, std::nullopt);
  EXPECT_EQ(status_of(job, false).remaining, std::nullopt);
}

RC_GTEST_PROP(Job, NumbersAreBoundedWhateverTheyAre, (unsigned long long number)) {
  std::vector<virTypedParameter> job = running_job();
  for (virTypedParameter& one : job) one.value.ul = number;
  const MigrationStatus status = status_of(job, false);
  RC_ASSERT(status.transferred.value_or(Bytes()) <= kMostBytes);
}

TEST(Job, AStandstillForAMigrationIsNoPause) {
  EXPECT_EQ(run_state_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, false),
            RunState::kFinishMigrate);
  EXPECT_EQ(run_state_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, true),
            RunState::kInmigrate);
  EXPECT_EQ(run_state_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, false),
            RunState::kPostmigrate);
  EXPECT_EQ(run_state_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, false), RunState::kPaused);
  EXPECT_EQ(run_state_of(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED, false),
            RunState::kPostmigrate);
  EXPECT_EQ(state_name(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY), "paused (post-copy)");
  EXPECT_EQ(state_name(VIR_DOMAIN_RUNNING, 99), "running") << "a reason of a newer libvirt";
}

TEST(Job, BandwidthIsRoundedDownToWholeMebibytes) {
  EXPECT_EQ(whole_mib(BytesPerSecond(50e6)), 47UL);
  EXPECT_EQ(whole_mib(BytesPerSecond(1000)), 1UL) << "0 would mean no limit";
  EXPECT_EQ(rate_of(0), std::nullopt);
  EXPECT_EQ(rate_of(8796093022207UL), std::nullopt);
  EXPECT_EQ(rate_of(2), BytesPerSecond(2 * 1024 * 1024));
}

TEST(LibvirtError, SaysWhatToDo) {
  const Error absent = error_of(VIR_ERR_NO_DOMAIN, VIR_FROM_QEMU, "no domain", "looking");
  EXPECT_EQ(absent.code, ErrorCode::kNotFound);
  EXPECT_NE(absent.what_to_do.text().find("virsh list"), std::string::npos);
  EXPECT_EQ(error_of(VIR_ERR_SYSTEM_ERROR, VIR_FROM_RPC, "reset", "x").code, ErrorCode::kPeerGone);
  EXPECT_EQ(error_of(VIR_ERR_AUTH_FAILED, VIR_FROM_RPC, "no", "x").code, ErrorCode::kPermission);
  const Error unsafe = error_of(VIR_ERR_MIGRATE_UNSAFE, VIR_FROM_QEMU, "no shared storage", "x");
  EXPECT_EQ(unsafe.code, ErrorCode::kRefused);
  EXPECT_NE(unsafe.what_to_do.text().find("+storage"), std::string::npos);
}

TEST(LibvirtAbilities, FollowTheVersion) {
  EXPECT_TRUE(abilities_of(9, 0).contains(Capability::kCompress));
  EXPECT_FALSE(abilities_of(9, 1).contains(Capability::kCompress));
  EXPECT_FALSE(abilities_of(3, 1).contains(Capability::kMultifd));
  EXPECT_TRUE(abilities_of(10, 0).contains(Capability::kPostcopyPreempt));
}

}  // namespace
}  // namespace godwit::libvirt
