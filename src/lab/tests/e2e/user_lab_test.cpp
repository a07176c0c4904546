#include "godwit/lab/user_lab.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <random>

#include "lab_fixture.h"

namespace godwit::lab {
namespace {

constexpr uid_t kNobody = 65534;

/// Says what failed, in the child that is an ordinary user.
template <class T>
bool holds(const char* what, const Result<T>& result) {
  if (result) return true;
  std::fprintf(stderr, "%s: %s (%s)\n", what, result.error().message.c_str(),
               result.error().what_to_do.text().c_str());
  return false;
}

/// Debian lets every user open /dev/net/tun; where this machine doesn't, a node that all may open
/// stands in its place, in this child's mounts only.
bool open_tun_to_all(const std::string& node) {
  if (unshare(CLONE_NEWNS) != 0) return false;
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (mknod(node.c_str(), S_IFCHR | 0666, makedev(10, 200)) != 0) return false;
  if (chmod(node.c_str(), 0666) != 0) return false;
  return mount(node.c_str(), "/dev/net/tun", nullptr, MS_BIND, nullptr) == 0;
}

class UserLab : public LabTest {
 protected:
  void TearDown() override {
    if (!IsSkipped()) {  // for a test that failed half-way
      EXPECT_TRUE(as_nobody([this] {
        return holds("down", down_user_lab(prefix_)) && holds("down", down_user_lab(prefix_ + "b"));
      }));
    }
    unlink(tun_.c_str());
    LabTest::TearDown();
  }
  /// True when `story` returned true as the user nobody.
  bool as_nobody(const std::function<bool()>& story) const {
    const pid_t child = fork();
    if (child == 0) {
      unlink(tun_.c_str());
      const bool ready = open_tun_to_all(tun_) && setgroups(0, nullptr) == 0 &&
                         setresgid(kNobody, kNobody, kNobody) == 0 &&
                         setresuid(kNobody, kNobody, kNobody) == 0 &&
                         prctl(PR_SET_DUMPABLE, 1) == 0;  // as after a login
      _exit(ready && story() ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  // tests on machines of their own have the same process ids, and share /tmp
  std::string tun_ = "/tmp/godwit-test-tun-" + std::to_string(std::random_device()());
};

TEST_F(UserLab, OrdinaryUserBuildsUsesAndEndsALabOverSeveralPrograms) {
  setenv("GODWIT_ACCEL", "tcg", 1);
  EXPECT_TRUE(as_nobody([this] {
    return holds("enter", enter_user_lab(prefix_, EnterMode::kCreate)) && holds("up", up(spec())) &&
           holds("start", start_guest(prefix_, guest()));
  }));
  EXPECT_FALSE(processes_with(lab_folder(prefix_)).empty()) << "the guest lives on";
  EXPECT_TRUE(traces_of(prefix_).namespaces.empty()) << "hidden from the rest of the machine";
  EXPECT_TRUE(as_nobody([this] {
    if (!holds("join", enter_user_lab(prefix_, EnterMode::kJoin))) return false;
    if (!holds("ready", wait_ready(prefix_, "guest", kPatience))) return false;
    const auto found = find_guest(prefix_, "guest");
    const auto lab = status(prefix_);
    return holds("find", found) && holds("status", lab) &&
           static_cast<bool>(pings(found->address, lab->client_netns));
  }));
  ASSERT_TRUE(good(down(prefix_))) << "root's lab of the same name is another one";
  EXPECT_FALSE(processes_with(lab_folder(prefix_)).empty()) << "the user's guest lives on";
  EXPECT_TRUE(as_nobody([this] {
    return holds("join", enter_user_lab(prefix_, EnterMode::kJoin)) &&
           holds("down", down(prefix_)) && holds("end", end_user_lab());
  }));
  EXPECT_TRUE(as_nobody([this] {
    const auto joined = enter_user_lab(prefix_, EnterMode::kJoin);
    return !joined && joined.error().code == ErrorCode::kNotFound;
  })) << "the keeper is gone";
}

TEST_F(UserLab, GuestsWhoseKeeperWasKilledAreEnded) {
  setenv("GODWIT_ACCEL", "tcg", 1);
  pid_t keeper = 0;
  EXPECT_TRUE(as_nobody([this] {
    return holds("enter", enter_user_lab(prefix_, EnterMode::kCreate)) && holds("up", up(spec())) &&
           holds("start", start_guest(prefix_, guest()));
  }));
  const auto qemus = processes_with(lab_folder(prefix_));
  ASSERT_FALSE(qemus.empty());
  const std::string theirs = facts_of(*qemus.begin()).user_namespace;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    const ProcessFacts facts = facts_of(pid);
    const bool living = pid > 0 && !facts.arguments.empty();
    if (living && !qemus.contains(pid) && facts.user_namespace == theirs) keeper = pid;
  }
  ASSERT_GT(keeper, 0);
  ASSERT_TRUE(good(kill_and_wait(pin_process(keeper))));
  EXPECT_TRUE(as_nobody([this] {
    const auto labs = list_user_labs();
    return labs && std::count(labs->begin(), labs->end(), prefix_) == 1;
  })) << "its guest still tells of it";
  EXPECT_TRUE(as_nobody([this] {
    const auto joined = enter_user_lab(prefix_, EnterMode::kJoin);
    return !joined && joined.error().code == ErrorCode::kNotFound;
  }));
  EXPECT_EQ(std::set<pid_t>{}, processes_with(lab_folder(prefix_)));
}

TEST_F(UserLab, TheLineOfALabWhoseKeeperWasKilledEndsByItself) {
  setenv("GODWIT_ACCEL", "tcg", 1);
  const std::string pids = "/tmp/godwit-test-pids-" + prefix_;
  EXPECT_TRUE(as_nobody([this, &pids] {
    LabSpec far = spec();
    far.round_trip = Seconds(0.02);
    if (!holds("enter", enter_user_lab(prefix_, EnterMode::kCreate)) || !holds("up", up(far))) {
      return false;
    }
    std::ofstream(pids) << std::ifstream(lab_folder(prefix_) + "/line.pid").rdbuf();
    return status(prefix_)->complete;
  }));
  pid_t line = 0;
  std::ifstream(pids) >> line;
  std::filesystem::remove(pids);
  const UniqueFd pinned = pin_process(line);
  ASSERT_TRUE(pinned.valid());
  const std::string theirs = facts_of(line).user_namespace;
  for (const pid_t pid : all_pids()) {
    const ProcessFacts facts = facts_of(pid);
    const bool keeper = pid != line && !facts.arguments.empty() && facts.user_namespace == theirs;
    if (!keeper) continue;
    ASSERT_TRUE(good(kill_and_wait(pin_process(pid))));
  }
  pollfd end{pinned.get(), POLLIN, 0};
  EXPECT_EQ(1, poll(&end, 1, 60'000));
}

TEST_F(UserLab, KeeperEndsWhenNothingWasBuiltAndStaysWhileALabIsLeft) {
  const auto has_keeper = [this] {
    return as_nobody(
        [this] { return static_cast<bool>(enter_user_lab(prefix_, EnterMode::kJoin)); });
  };
  EXPECT_TRUE(as_nobody([this] {
    return holds("enter", enter_user_lab(prefix_, EnterMode::kCreate)) &&
           holds("end", end_user_lab());
  }));
  EXPECT_FALSE(has_keeper());
  EXPECT_TRUE(as_nobody([this] {
    return holds("enter", enter_user_lab(prefix_, EnterMode::kCreate)) && holds("up", up(spec())) &&
           holds("end", end_user_lab());
  }));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(has_keeper()) << "more callers than may wait at once";
  EXPECT_TRUE(as_nobody([this] { return holds("down", down_user_lab(prefix_)); }));
  EXPECT_FALSE(has_keeper());
  EXPECT_TRUE(as_nobody([this] { return holds("down", down_user_lab(prefix_)); })) << "once more";
}

TEST_F(UserLab, AllLabsOfAUserAreListedAndEndedByOneProgram) {
  for (const std::string& lab : {prefix_, prefix_ + "b"}) {
    EXPECT_TRUE(as_nobody([this, lab] {
      LabSpec named = spec();
      named.name = lab;
      return holds("enter", enter_user_lab(lab, EnterMode::kCreate)) && holds("up", up(named));
    }));
  }
  EXPECT_TRUE(as_nobody([this] {
    const auto before = list_user_labs();
    if (!holds("list", before)) return false;
    for (const std::string& lab : {prefix_, prefix_ + "b"}) {
      if (std::count(before->begin(), before->end(), lab) != 1) return false;
      if (!holds("down", down_user_lab(lab))) return false;
    }
    const auto after = list_user_labs();
    return holds("list", after) && std::count(after->begin(), after->end(), prefix_) == 0;
  }));
}

TEST(UserLabNames, AreCheckedFirst) {
  EXPECT_EQ(ErrorCode::kBadInput, enter_user_lab("../x", EnterMode::kJoin).error().code);
  if (geteuid() != 0) GTEST_SKIP() << "the rest is about root";
  EXPECT_TRUE(enter_user_lab("anything", EnterMode::kCreate)) << "root needs none";
  EXPECT_TRUE(end_user_lab());
}

}  // namespace
}  // namespace godwit::lab
