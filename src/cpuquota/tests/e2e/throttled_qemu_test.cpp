#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "burner.h"
#include "godwit/base/clock.h"
#include "godwit/base/process.h"
#include "godwit/base/unique_fd.h"
#include "godwit/cpuquota/vcpu_quota.h"

/// A real guest that uses all the CPU it gets, in a QEMU that a person started. Skipped without
/// QEMU, the lab's guest image or control groups that can be made.

namespace godwit::cpuquota {
namespace {

constexpr Seconds kEnough{60};

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// A guest under load, with one vCPU and room for another.
class Guest {
 public:
  Guest(const std::string& qemu, const std::string& image) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    std::vector<std::string> arguments{qemu,
                                       "-name",
                                       "guest=quota,debug-threads=on",
                                       "-nodefaults",
                                       "-no-user-config",
                                       "-display",
                                       "none",
                                       "-accel",
                                       "tcg",
                                       "-m",
                                       "256M",
                                       "-smp",
                                       "1,maxcpus=2,sockets=2,cores=1,threads=1",
                                       "-kernel",
                                       image + "/vmlinux",
                                       "-initrd",
                                       image + "/initrd.img",
                                       "-append",
                                       first_line(image + "/cmdline") + " godwit.load=cpu,full",
                                       "-monitor",
                                       "stdio"};
    std::vector<char*> argv;
    for (std::string& one : arguments) argv.push_back(one.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(ends[0], 0);
      ::dup2(::open("/dev/null", O_WRONLY), 1);  // its monitor's echo
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[0]);
    monitor_.reset(ends[1]);
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() { die(); }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void plug_a_vcpu() const {
    const std::string order =
        "device_add qemu64-x86_64-cpu,id=second,socket-id=1,core-id=0,thread-id=0\n";
    ASSERT_EQ(::write(monitor_.get(), order.data(), order.size()),
              static_cast<ssize_t>(order.size()));
  }
  void die() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  UniqueFd monitor_;
  pid_t pid_ = 0;
};

class ThrottledQemu : public testing::Test {
 protected:
  void SetUp() override {
    const char* const image = std::getenv("GODWIT_GUEST_DIR");
    const auto qemu = program_path("qemu-system-x86_64");
    if (!qemu || image == nullptr || !std::filesystem::exists(std::string(image) + "/vmlinux")) {
      GTEST_SKIP() << "there is no QEMU or no guest image: ./dev build";
    }
    guest = std::make_unique<Guest>(*qemu, image);
    quota = make_vcpu_quota(guest->pid(), process_start(guest->pid()));
    Result<LentCpu> planned = quota->plan();
    await([&] {
      planned = quota->plan();
      return planned || planned.error().code == ErrorCode::kPermission;
    });
    if (!planned) GTEST_SKIP() << planned.error().message;
    lent = *planned;
  }

  template <class Condition>
  void await(Condition condition) {
    const TimePoint give_up = clock.now() + kEnough;
    while (clock.now() < give_up) {
      if (condition()) return;
      clock.wait_until(clock.now() + Seconds(0.02), {});
    }
    ADD_FAILURE() << "what was awaited never came";
  }
  RealClock clock;
  std::unique_ptr<Guest> guest;
  std::unique_ptr<CpuQuota> quota;
  LentCpu lent;
};

TEST_F(ThrottledQemu, ItsVcpuGetsNoMoreThanItsShareAndIsFreedAgain) {
  const std::int64_t thread = quota->used().value().at(0).thread;
  const std::string before = groups_of(guest->pid(), thread);
  const auto limited = quota->limit(Ratio(0.02));
  ASSERT_TRUE(limited) << limited.error().message;
  const TimePoint start = clock.now();
  const VcpuUse first = quota->used().value().at(0);
  await([&] {  // a late tick lets it overrun its quota; later periods make up for it
    const Seconds most = 1.1 * 0.02 * (clock.now() - start);
    const VcpuUse now = quota->used().value().at(0);
    return now.held_back - first.held_back >= Seconds(0.5) && now.on_cpu - first.on_cpu <= most;
  });
  EXPECT_NE(groups_of(guest->pid(), thread), before);
  ASSERT_TRUE(quota->lift());
  EXPECT_EQ(groups_of(guest->pid(), thread), before);
}

TEST_F(ThrottledQemu, AVcpuThatIsPluggedIsTakenInByTheNextCall) {
  ASSERT_TRUE(quota->limit(Ratio(0.2)));
  guest->plug_a_vcpu();
  await([&] { return quota->used().value().size() == 2; });
  const VcpuUse plugged = quota->used().value().at(1);
  EXPECT_EQ(plugged.vcpu, 1);
  const std::string home = groups_of(guest->pid(), plugged.thread);
  ASSERT_TRUE(quota->limit(Ratio(0.2)));
  EXPECT_NE(groups_of(guest->pid(), plugged.thread), home);
  EXPECT_EQ(quota->plan().value(), lent);
  ASSERT_TRUE(quota->lift());
  EXPECT_EQ(groups_of(guest->pid(), plugged.thread), home);
}

TEST_F(ThrottledQemu, ThatIsKilledLeavesGroupsWhichAreRemoved) {
  ASSERT_TRUE(quota->limit(Ratio(0.2)));
  const std::string home = lent.homes.at(0).folder;
  const auto group =
      home + "/" + lent.group + "-" + std::to_string(quota->used().value().at(0).thread);
  EXPECT_TRUE(std::filesystem::exists(group));
  guest->die();
  EXPECT_EQ(quota->limit(Ratio(0.3)).error().code, ErrorCode::kPeerGone);
  ASSERT_TRUE(give_back(lent));
  EXPECT_FALSE(std::filesystem::exists(group));
}

}  // namespace
}  // namespace godwit::cpuquota
