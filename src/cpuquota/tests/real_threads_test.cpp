#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "burner.h"
#include "godwit/base/clock.h"
#include "godwit/base/process.h"
#include "godwit/base/unique_fd.h"
#include "godwit/codec/codec.h"
#include "godwit/cpuquota/vcpu_quota.h"

/// This machine's own kernel and threads that use all the CPU they get. Skipped where no group can
/// be made.

namespace godwit::cpuquota {
namespace {

std::unique_ptr<CpuQuota> open(pid_t pid) {
  return make_vcpu_quota(pid, process_start(pid));
}

/// Groups of ours that are left in the homes of a lease.
std::vector<std::string> left_of(const LentCpu& lent) {
  std::vector<std::string> found;
  for (const CgroupHome& home : lent.homes) {
    for (const auto& entry : std::filesystem::directory_iterator(home.folder)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(lent.group)) found.push_back(entry.path());
    }
  }
  return found;
}

class RealThreads : public testing::Test {
 protected:
  void SetUp() override {
    const auto planned = open(burner.pid())->plan();
    if (planned) {
      lent = *planned;
      before = groups_of_all();
    } else {
      GTEST_SKIP() << planned.error().message;
    }
  }

  std::vector<std::string> groups_of_all() {
    std::vector<std::string> groups;
    const auto quota = open(burner.pid());
    const std::vector<VcpuUse> used = quota->used().value();
    for (const VcpuUse& one : used) {
      groups.push_back(groups_of(burner.pid(), one.thread));
    }
    return groups;
  }
  /// Returns once each vCPU was held back for a fifth of a second and has used no more than its
  /// share since. A late tick lets a thread overrun its quota; later periods make up for it.
  void await_share(CpuQuota& quota, double share) {
    const TimePoint start = clock.now();
    const auto first = quota.used().value();
    while (clock.now() - start < Seconds(60)) {
      clock.wait_until(clock.now() + Seconds(0.02), {});
      const double most = 1.1 * share * (clock.now() - start).count();
      const auto now = quota.used().value();
      bool all = true;
      for (std::size_t i = 0; i < now.size(); ++i) {
        all = all && now[i].held_back - first[i].held_back >= Seconds(0.2) &&
              (now[i].on_cpu - first[i].on_cpu).count() <= most;
      }
      if (all) return;
    }
    ADD_FAILURE() << "the vCPUs are not held to " << share;
  }

  RealClock clock;
  Burner burner{2};
  LentCpu lent;
  std::vector<std::string> before;
};

TEST_F(RealThreads, GetNoMoreThanTheirShare) {
  const auto quota = open(burner.pid());
  ASSERT_TRUE(quota->plan());
  // Small shares: a busy machine may give no more than a few percent anyway.
  for (const double share : {0.02, 0.01}) {
    const auto limited = quota->limit(Ratio(share));
    ASSERT_TRUE(limited) << limited.error().message;
    await_share(*quota, share);
  }
}

TEST_F(RealThreads, AreBackWhereTheyWereWhenItIsLifted) {
  const auto quota = open(burner.pid());
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  EXPECT_NE(groups_of_all(), before);
  EXPECT_EQ(left_of(lent).size(), 2U);
  ASSERT_TRUE(quota->lift());
  EXPECT_EQ(groups_of_all(), before);
  EXPECT_TRUE(left_of(lent).empty());
}

TEST_F(RealThreads, ThatEndedLeaveGroupsWhichAreRemoved) {
  const auto quota = open(burner.pid());
  ASSERT_TRUE(quota->plan());
  ASSERT_TRUE(quota->limit(Ratio(0.5)));
  burner.die();
  const auto given = give_back(lent);
  EXPECT_TRUE(given) << given.error().message;
  EXPECT_TRUE(left_of(lent).empty());
  EXPECT_TRUE(give_back(lent));
}

/// Plans, tells what it will borrow, borrows it, tells so, and waits to be killed.
[[noreturn]] void borrow(pid_t vm, int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto quota = open(vm);
  const std::string line = to_json(quota->plan().value()).dump() + "\n";
  if (::write(out, line.data(), line.size()) < 0 || !quota->limit(Ratio(0.2))) ::_exit(1);
  if (::write(out, "!", 1) < 0) ::_exit(1);
  while (true) ::pause();
}

TEST_F(RealThreads, AreFreedByASuccessorOfAGodwitThatWasKilled) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const UniqueFd in(ends[0]);
  const pid_t godwit = ::fork();
  if (godwit == 0) borrow(burner.pid(), ends[1]);
  ::close(ends[1]);
  std::string journal;
  for (char one = 0; ::read(in.get(), &one, 1) == 1 && one != '!';) journal += one;
  ::kill(godwit, SIGKILL);
  ::waitpid(godwit, nullptr, 0);
  EXPECT_NE(groups_of_all(), before) << "they are limited still";
  const LentCpu journalled = lent_cpu_from_json(parse_json(journal).value()).value();
  EXPECT_EQ(journalled, lent);
  const auto given = give_back(journalled);
  EXPECT_TRUE(given) << given.error().message;
  EXPECT_EQ(groups_of_all(), before);
  EXPECT_TRUE(left_of(lent).empty());
}

}  // namespace
}  // namespace godwit::cpuquota
