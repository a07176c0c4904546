// A fleet that a file lists: strangers' QEMUs, and a command that starts destinations.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/process.h"
#include "godwit/lab/facts.h"
#include "godwit/qemu/qmp_hypervisor.h"
#include "godwit_program.h"
#include "patience.h"

namespace godwit::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr Seconds kStartPatience{60};

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Starts a VM's QEMU on a host, which is a folder, and prints where it waits for a migration.
constexpr const char* kStartScript = R"(#!/bin/sh
set -e
mkdir -p {0}/$2
at={0}/$2/$1
rm -f $at.*
qemu-system-x86_64 -accel tcg -M pc,hpet=off -cpu Nehalem -m 112M -nodefaults -no-user-config \
  -display none -name guest=$1 -kernel {1}/vmlinux -initrd {1}/initrd.img \
  -append "{2} godwit.load=memory-write,set=8MiB,rate=2MB/s" \
  -serial file:$at.console -serial file:$at.report -qmp unix:$at.qmp,server=on,wait=off \
  -qmp unix:$at.watch,server=on,wait=off -pidfile $at.pid -daemonize ${{3:--incoming defer}} >&2
echo "starting $1 on $2"
echo "qmp:$at.qmp@unix:$at.stream"
)";

constexpr const char* kFleetFile = R"(
link = "60MB/s"
start = ["{0}/start", "{{vm}}", "{{host}}"]

[hosts.one]
[hosts.two]
memory = "150MiB"
[hosts.three]
memory = "150MiB"

[vms.left]
host = "one"
qmp = "{0}/one/left.qmp"
[vms.right]
host = "one"
qmp = "{0}/one/right.qmp"
[vms.off]
host = "two"
qmp = "{0}/two/off.qmp"
)";

class ListedFleet : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("XDG_STATE_HOME", folder_.file("state").c_str(), 1);  // its process is the test's own
    ::setenv("XDG_DATA_HOME", folder_.file("data").c_str(), 1);
    const auto image = lab::find_guest_image();
    ASSERT_TRUE(image) << image.error().message;
    const std::string cmdline = file_text(*image + "/cmdline");
    std::ofstream(folder_.file("start")) << fmt::format(kStartScript, folder_.file("."), *image,
                                                        cmdline.substr(0, cmdline.find('\n')));
    fs::permissions(folder_.file("start"), fs::perms::owner_all);
    std::ofstream(file()) << fmt::format(kFleetFile, folder_.file("."));
    for (const char* vm : kVms) {
      start(vm);
      await_work("one", vm, -1);
    }
  }
  void TearDown() override {
    for (const auto& entry : fs::recursive_directory_iterator(folder_.file("."))) {
      if (entry.path().extension() != ".pid") continue;
      const int pid = std::atoi(file_text(entry.path()).c_str());
      if (pid > 0 && program_is_qemu(pid)) ::kill(pid, SIGKILL);
    }
  }

  static constexpr std::array kVms{"left", "right"};
  [[nodiscard]] std::string file() const { return folder_.file("fleet.toml"); }
  [[nodiscard]] std::vector<std::string> words(const std::string& command,
                                               const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{command, "one", "--fleet", file(), "--for", "1s", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  void start(const std::string& vm) {
    ProcessSpec spec{folder_.file("start"), {"start", vm, "one", " "}};
    auto process = Process::start(spec);
    ASSERT_TRUE(process) << process.error().message;
    (void)process->follow(clock_, clock_.now() + kStartPatience, {});
    ASSERT_TRUE(process->end() && process->end()->well()) << process->err();
  }
  static bool program_is_qemu(int pid) {
    return file_text(fmt::format("/proc/{}/comm", pid)).starts_with("qemu-system");
  }
  [[nodiscard]] std::string at(const std::string& host, const std::string& vm) const {
    return folder_.file("./" + host + "/" + vm);
  }
  /// Is that VM's QEMU there, and does it run the guest?
  [[nodiscard]] bool runs(const std::string& host, const std::string& vm) {
    auto qemu = qemu::QmpHypervisor::connect(at(host, vm) + ".watch", clock_);
    if (!qemu) return false;
    const auto state = (*qemu)->run_state();
    return state && *state == RunState::kRunning;
  }
  [[nodiscard]] std::int64_t lines(const std::string& host, const std::string& vm) const {
    const std::string report = file_text(at(host, vm) + ".report");
    return std::count(report.begin(), report.end(), '\n');
  }
  /// The guest's load reports again and again.
  void await_work(const std::string& host, const std::string& vm, std::int64_t beyond) {
    const std::int64_t from = beyond < 0 ? 3 : beyond;
    (void)comes(clock_, [&] { return lines(host, vm) > from; });
    EXPECT_GT(lines(host, vm), from) << vm << " does not work on host " << host;
  }

  RealClock clock_;
  TemporaryFolder folder_;
};

TEST_F(ListedFleet, AHostOfStrangersQemusIsEmptiedAndFilledAgain) {
  const Finished run = run_godwit(words("evacuate"));
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  std::map<std::string, std::string> places;
  const Json outcome = run.json().at("outcome");
  for (const Json& move : outcome.at("moves")) {
    EXPECT_EQ(move.at("status"), "completed") << move.dump();
    places[move.at("vm")] = move.at("runs_on");
  }
  ASSERT_EQ(places.size(), 2u);
  EXPECT_NE(places["left"], places["right"]) << "neither host has room for both";
  for (const char* vm : kVms) {
    EXPECT_FALSE(runs("one", vm));
    EXPECT_TRUE(runs(places[vm], vm)) << vm;
    await_work(places[vm], vm, lines(places[vm], vm));
  }
  const Finished back = run_godwit(words("restore"));
  ASSERT_EQ(back.status, 0) << back.out << back.err;
  for (const char* vm : kVms) {
    EXPECT_TRUE(runs("one", vm)) << vm;
    EXPECT_FALSE(runs(places[vm], vm)) << vm;
  }
}

TEST_F(ListedFleet, WithoutRoomItIsRefusedByNameAndNothingMoves) {
  const Finished run = run_godwit(words("evacuate", {"--to", "two"}));
  EXPECT_EQ(run.status, 2) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("no host that may take it (two) has that left"));
  EXPECT_EQ(run.json().at("plan").at("blockers").size(), 1u);
  for (const char* vm : kVms) EXPECT_TRUE(runs("one", vm)) << vm;
}

}  // namespace
}  // namespace godwit::e2e
