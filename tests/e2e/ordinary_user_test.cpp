// Godwit as an ordinary user runs it who is a member of the group godwit, on a VM of root's: its
// memory is read through godwit-memory, which alone has capabilities.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "godwit/base/clock.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "memory_helper_rights.h"
#include "patience.h"
#include "source_tree.h"
#include "start_program.h"
#include "temporary_folder.h"

namespace godwit::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr unsigned kNobody = 65534;

class OrdinaryUser : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "not root: nobody can give a capability";
    const std::string& folder = folder_.path().native();
    if (::chown(folder.c_str(), kNobody, kNobody) != 0 || ::chmod(folder.c_str(), 0755) != 0) {
      throw std::runtime_error("cannot give " + folder + " away");
    }
    fs::copy_file(built_godwit(), file("godwit"));
    fs::copy_file(fs::path(built_godwit()).parent_path() / "godwit-memory", helper());
    if (::chown(helper().c_str(), 0, kNobody) != 0 || ::chmod(helper().c_str(), 0750) != 0) {
      throw std::runtime_error("cannot install the helper");
    }
    start_vm();
  }
  void TearDown() override {
    if (vm_ > 0) {
      ::kill(vm_, SIGKILL);
      ::waitpid(vm_, nullptr, 0);
    }
  }

  void start_vm() {
    vm_ = start_program({"qemu-system-x86_64", "-accel", "tcg", "-m", "64M", "-nodefaults",
                         "-display", "none", "-name", "guest=roots,debug-threads=on", "-qmp",
                         "unix:" + file("vm.qmp") + ",server=on,wait=off"},
                        {file("vm.log")});
    RealClock clock;
    const auto answers = [&] {
      return qemu::QmpHypervisor::connect(file("vm.qmp"), clock).has_value();
    };
    if (!comes(clock, answers)) throw std::runtime_error(text_of(file("vm.log")));
    ::chmod(file("vm.qmp").c_str(), 0666);
  }

  /// What the user's `godwit profile` printed.
  std::string profile() {
    const pid_t pid =
        start_program({"env", "XDG_STATE_HOME=" + file("state"), "XDG_DATA_HOME=" + file("data"),
                       file("godwit"), "profile", "qmp:" + file("vm.qmp"), "--for", "1s"},
                      {.log = file("said"), .user = kNobody});
    ::waitpid(pid, nullptr, 0);
    return text_of(file("said"));
  }

  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] std::string helper() const { return file("godwit-memory"); }

 private:
  TemporaryFolder folder_;
  pid_t vm_ = -1;
};

TEST_F(OrdinaryUser, AMemberProfilesAVmOfRoots) {
  ASSERT_TRUE(give_memory_helper_rights(helper()));
  EXPECT_THAT(profile(), AllOf(HasSubstr("pages looked at"), HasSubstr("written within")));
}

TEST_F(OrdinaryUser, WithoutTheCapabilitiesItSaysWhatIsMissingAndWhatToDo) {
  EXPECT_THAT(profile(), AllOf(HasSubstr("belongs to another user"), HasSubstr("no capabilities"),
                               HasSubstr("run this with sudo, or as a member of the group godwit"),
                               HasSubstr("[permission]")));
}

}  // namespace
}  // namespace godwit::e2e
