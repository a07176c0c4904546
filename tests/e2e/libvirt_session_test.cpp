// Domains of an ordinary user's session: daemons and QEMUs without any right of root's.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "godwit/base/process.h"
#include "libvirt_hosts.h"
#include "patience.h"
#include "source_tree.h"
#include "start_program.h"

namespace godwit::e2e {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr unsigned kNobody = 65534;

/// What an ordinary user calls. His home is a folder that ends with the test.
class LibvirtSession : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = LibvirtHosts::why_not(); !why.empty()) GTEST_SKIP() << why;
    const std::string& home = folder_.path().native();
    fs::create_directory(file("run"));
    fs::copy_file(built_godwit(), file("godwit"));
    for (const std::string& one : {home, file("run")}) {
      if (::chown(one.c_str(), kNobody, kNobody) != 0) throw std::runtime_error("chown " + one);
    }
    ::chmod(file("run").c_str(), 0700);
  }
  /// The daemon is one that virsh started.
  void TearDown() override {
    const std::string number = first_line(file("run/libvirt/libvirtd.pid"));
    if (number.empty()) return;
    (void)by_user({"virsh", "-c", "qemu:///session", "destroy", "mine"});
    ::kill(std::stoi(number), SIGTERM);
    EXPECT_TRUE(comes(clock_, [&] { return !fs::exists("/proc/" + number); }));
  }

  /// As he has it at a terminal of his own.
  Finished by_user(const std::vector<std::string>& words) {
    const std::string out = file(fmt::format("out-{}", said_));
    const std::string err = file(fmt::format("err-{}", said_++));
    std::vector<std::string> all{"env",
                                 "HOME=" + folder_.path().native(),
                                 "XDG_RUNTIME_DIR=" + file("run"),
                                 "XDG_STATE_HOME=" + file("state"),
                                 "XDG_DATA_HOME=" + file("data"),
                                 "XDG_CACHE_HOME=" + file("cache"),
                                 "XDG_CONFIG_HOME=" + file("config"),
                                 "GODWIT_GUEST_DIR=" + guest_folder(),
                                 "sh",
                                 "-c",
                                 "exec \"$@\" 2>\"$0\"",
                                 err};
    all.insert(all.end(), words.begin(), words.end());
    const pid_t pid = start_program(all, {.log = out, .user = kNobody});
    int status = 0;
    ::waitpid(pid, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text_of(out),
            text_of(err)};
  }
  Finished godwit(std::vector<std::string> words) {
    words.insert(words.begin(), file("godwit"));
    return by_user(words);
  }

  /// A domain of the user's, with firmware alone.
  void start_domain() {
    std::ofstream(file("mine.xml")) << fmt::format(
        R"(<domain type='qemu'><name>mine</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>{}</emulator><controller type='usb' model='none'/>
<memballoon model='none'/></devices></domain>)",
        program_path("qemu-system-x86_64").value());
    const Finished created =
        by_user({"virsh", "-c", "qemu:///session", "create", file("mine.xml")});
    if (created.status != 0) throw std::runtime_error(created.err);
  }

  /// Folders of hosts that the user has built.
  [[nodiscard]] static int users_hosts() {
    int count = 0;
    for (const auto& one : fs::directory_iterator(fs::temp_directory_path())) {
      struct stat about {};
      const bool ours = one.path().filename().native().starts_with("godwit-libvirt-") &&
                        ::stat(one.path().c_str(), &about) == 0 && about.st_uid == kNobody;
      count += ours ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }

 private:
  [[nodiscard]] static std::string guest_folder() {
    return fs::path(image("vmlinux")).parent_path();
  }

  RealClock clock_;
  TemporaryFolder folder_;
  int said_ = 0;
};

TEST_F(LibvirtSession, AnOrdinaryUsersDemoMovesADomainFromSessionToSession) {
  const Finished run = godwit({"demo", "--libvirt", "--for", "1s", "--json"});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  const Json outcome = run.json().at("outcome");
  EXPECT_EQ(outcome.at("status"), "completed");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_EQ(outcome.at("guest").at("alive"), true);
  EXPECT_TRUE(run.json().contains("predicted")) << "its memory was read";
  EXPECT_EQ(users_hosts(), 0) << "a folder is left";
}

TEST_F(LibvirtSession, ADomainThatTheSystemHasNotIsTheUsersOwn) {
  start_domain();
  EXPECT_THAT(godwit({"profile", "libvirt:mine", "--for", "1s"}).out,
              AllOf(HasSubstr("pages looked at"), HasSubstr("written within")));
  const Finished same = godwit({"migrate", "libvirt:mine", "libvirt:qemu:///session",
                                "--no-profile", "--technique", "precopy"});
  EXPECT_NE(same.status, 0);
  EXPECT_THAT(same.err, HasSubstr("source and destination are one host"));
  EXPECT_THAT(godwit({"profile", "libvirt:nobodys", "--for", "1s"}).err,
              AllOf(HasSubstr("qemu:///system"), HasSubstr("qemu:///session")));
}

}  // namespace
}  // namespace godwit::e2e
