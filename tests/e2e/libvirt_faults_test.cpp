// What disturbs a migration by libvirt, and where the guest is afterwards: docs/libvirt.md has the
// cases in a table. Cases after which the guest is where it was share two hosts and a guest.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "forwarder.h"
#include "libvirt_hosts.h"

namespace godwit::e2e {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// As small as a guest is, so that what has to be sent is soon sent.
libvirt_lab::DomainSpec small() {
  return {.memory = 112_MiB, .load = "memory-write,set=16MiB,rate=4MB/s"};
}

class LibvirtFaults : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = LibvirtHosts::why_not(); !why.empty()) GTEST_SKIP() << why;
  }
  void boot(const libvirt_lab::DomainSpec& spec) {
    hosts = std::make_unique<LibvirtHosts>(std::size_t{2});
    hosts->start(0, spec);
  }

  /// Whatever was tried, the guest is where it was, works, and nothing of it is at the destination.
  void expect_at_source() {
    EXPECT_THAT(hosts->state(Side::kSource), StartsWith("running"));
    EXPECT_EQ(hosts->state(Side::kDestination), "none");
    EXPECT_TRUE(hosts->works());
  }
  void expect_stays(GodwitProgram& running, const std::string& status) {
    const Finished run = running.wait();
    EXPECT_EQ(run.status, 1) << run.out << run.err;
    const Json outcome = run.json().value("outcome", Json::object());
    EXPECT_EQ(outcome.value("status", ""), status) << run.out << run.err;
    EXPECT_EQ(outcome.value("vm_runs_on", ""), "source") << run.out;
    EXPECT_EQ(outcome.value("given_back", false), true) << run.out;
    expect_at_source();
  }
  void expect_arrives(GodwitProgram& running) {
    const Finished run = running.wait();
    EXPECT_EQ(run.status, 0) << run.out << run.err;
    const Json outcome = run.json().value("outcome", Json::object());
    EXPECT_EQ(outcome.value("vm_runs_on", ""), "destination") << run.out;
    EXPECT_THAT(hosts->state(Side::kSource), StartsWith("shut off"));
    EXPECT_THAT(hosts->state(Side::kDestination), StartsWith("running"));
    EXPECT_TRUE(hosts->works());
  }
  /// An error, as nothing was started.
  void expect_refused(const Finished& run, const std::string& words) {
    EXPECT_NE(run.status, 0) << run.out;
    EXPECT_THAT(run.out, HasSubstr(words)) << run.err;
    EXPECT_TRUE(run.json().contains("error")) << run.out;
  }
  void bring_back() {
    hosts->virsh(Side::kDestination, {"migrate", "--live", "vm", hosts->uri(Side::kSource)});
    ASSERT_THAT(hosts->state(Side::kSource), StartsWith("running"));
  }
  /// The destination by a URI that names no host: Godwit goes between both daemons.
  [[nodiscard]] std::vector<std::string> directly(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"migrate",
                                   hosts->vm(Side::kSource),
                                   "libvirt:" + hosts->lab().uri(1),
                                   "--json",
                                   "--store",
                                   hosts->store(),
                                   "--no-profile",
                                   "--technique",
                                   "precopy"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  std::unique_ptr<LibvirtHosts> hosts;
};

TEST_F(LibvirtFaults, BeforeTheGuestStopsItStaysWhateverHappens) {
  boot(small());
  const std::vector<std::string> precopy{"--technique", "precopy", "--max-downtime", "20ms"};
  const auto limit = [&] { return hosts->virsh(Side::kSource, {"migrate-getmaxdowntime", "vm"}); };
  const std::string before = limit();
  {
    SCOPED_TRACE("to the host itself");
    expect_refused(
        run_godwit({"migrate", hosts->vm(Side::kSource), "libvirt:" + hosts->lab().uri_from_afar(0),
                    "--json", "--no-profile", "--store", hosts->store()}),
        "are one host");
  }
  {
    SCOPED_TRACE("no daemon at the destination");
    hosts->kill_daemon(Side::kDestination);
    expect_refused(run_godwit(hosts->migrate(precopy)), "10.92.0.2");
    hosts->start_daemon(Side::kDestination);
    expect_at_source();
  }
  {
    SCOPED_TRACE("stopped while it is prepared");
    std::vector<std::string> slowly = precopy;
    slowly.insert(slowly.end(), {"--link", "4MB/s"});
    GodwitProgram running(hosts->migrate(slowly));
    hosts->await_job();
    running.signal(SIGINT);
    EXPECT_NE(running.wait().status, 0);
    expect_at_source();
  }
  {
    SCOPED_TRACE("migrated twice, then cancelled by somebody else");
    const auto running = hosts->begin(precopy);
    expect_refused(run_godwit(hosts->migrate(precopy)), "being migrated already");
    EXPECT_NE(
        hosts->try_virsh(Side::kSource, {"migrate", "--live", "vm", hosts->uri(Side::kDestination)})
            .status,
        0);
    EXPECT_FALSE(running->ended());
    hosts->virsh(Side::kSource, {"domjobabort", "vm"});
    expect_stays(*running, "failed");
  }
  {
    SCOPED_TRACE("what waits at the destination is destroyed");
    const auto running = hosts->begin(precopy);
    (void)hosts->try_virsh(Side::kDestination, {"destroy", "vm"});
    expect_stays(*running, "failed");
  }
  {
    SCOPED_TRACE("the destination's QEMU is killed");
    const auto running = hosts->begin(precopy);
    hosts->kill_qemu(Side::kDestination);
    expect_stays(*running, "failed");
  }
  {
    SCOPED_TRACE("the destination's daemon is killed");
    const auto running = hosts->begin(precopy);
    hosts->kill_daemon(Side::kDestination);
    hosts->start_daemon(Side::kDestination);
    expect_stays(*running, "failed");
  }
  {
    SCOPED_TRACE("both daemons are killed");
    const auto running = hosts->begin(precopy);
    for (const Side side : {Side::kDestination, Side::kSource}) hosts->kill_daemon(side);
    for (const Side side : {Side::kSource, Side::kDestination}) hosts->start_daemon(side);
    expect_stays(*running, "failed");
  }
  {
    SCOPED_TRACE("Godwit's own connection is lost, and the daemons go on; then it is stopped");
    const std::string socket = hosts->lab().uri(0).substr(hosts->lab().uri(0).find('=') + 1);
    const std::string afar = hosts->lab().folder() + "/afar.sock";
    Forwarder way({Route{{afar}, {socket}}});
    std::vector<std::string> words = hosts->migrate(precopy);
    words.at(1) = "libvirt:qemu:///system?socket=" + afar + "#vm";
    words.insert(words.end(), {"--link", "4MB/s"});
    GodwitProgram running(words);
    hosts->await_sent(1);
    way.kill();
    way.revive();
    RealClock clock;
    const std::int64_t before = way.forwarded();
    ASSERT_TRUE(comes(clock, [&] { return way.forwarded() > before; })) << "it connects anew";
    running.signal(SIGINT);
    expect_stays(running, "cancelled");
  }
  {
    SCOPED_TRACE("stopped, directly between the daemons");
    GodwitProgram running(directly({"--link", "4MB/s"}));
    hosts->await_sent(1);
    running.signal(SIGINT);
    expect_stays(running, "cancelled");
  }
  {
    SCOPED_TRACE("Godwit is killed, directly between the daemons");
    GodwitProgram running(directly({"--link", "4MB/s", "--max-downtime", "20ms"}));
    hosts->await_sent(1);
    running.signal(SIGKILL);
    (void)running.wait();
    hosts->await_no_job();
    const Json found = run_godwit({"recover", "--json"}).json().at("vms").at(0);
    EXPECT_EQ(found.at("runs_on"), "source");
    expect_at_source();
  }
  EXPECT_EQ(limit(), before) << "whatever was borrowed was given back";
  {
    SCOPED_TRACE("the source's QEMU is killed");
    const auto running = hosts->begin(precopy);
    hosts->kill_qemu(Side::kSource);
    const Finished run = running->wait();
    EXPECT_EQ(run.status, 1);
    EXPECT_EQ(run.json().at("outcome").at("vm_runs_on"), "unknown");
    EXPECT_THAT(run.out, HasSubstr("neither host"));
    EXPECT_EQ(hosts->state(Side::kDestination), "none");
  }
}

/// Its kernel ends in a panic by an interrupt that nobody expects, and so ends the domain.
TEST_F(LibvirtFaults, AGuestThatEndsByItselfInTheMiddleRunsNowhere) {
  libvirt_lab::DomainSpec guest = small();
  guest.kernel = "unknown_nmi_panic";
  boot(guest);
  const auto running = hosts->begin({"--technique", "precopy"});
  // while it migrates, libvirt's own command is refused
  hosts->virsh(Side::kSource, {"qemu-monitor-command", "vm", R"({"execute": "inject-nmi"})"});
  const Finished run = running->wait();
  EXPECT_EQ(run.status, 1) << run.out;
  EXPECT_EQ(run.json().at("outcome").at("status"), "failed");
  EXPECT_EQ(run.json().at("outcome").at("vm_runs_on"), "unknown");
  EXPECT_THAT(run.out, HasSubstr("neither host"));
  EXPECT_EQ(hosts->state(Side::kDestination), "none");
}

TEST_F(LibvirtFaults, OnceTheGuestHasStoppedItIsAtOneHostWhateverHappens) {
  boot(small());
  // QEMU sends the last part as fast as the link can: that takes seconds
  hosts->on(0, {"tc", "qdisc", "add", "dev", "wire1", "root", "tbf", "rate", "128mbit", "burst",
                "256kb", "latency", "100ms"});
  /// The guest stands still while most of it is sent.
  const auto stopped = [&](const char* link) {
    auto running = std::make_unique<GodwitProgram>(
        hosts->migrate({"--technique", "stop-and-copy", "--link", link}));
    hosts->await_state(Side::kSource, "paused (migrat");
    return running;
  };
  const auto split = [&](const char* link) {
    auto running = std::make_unique<GodwitProgram>(
        hosts->migrate({"--technique", "postcopy", "--link", link}));
    hosts->await_state(Side::kDestination, "running (post-copy)");
    return running;
  };
  {
    SCOPED_TRACE("the destination's daemon is killed");
    const auto running = stopped("8MB/s");
    hosts->kill_daemon(Side::kDestination);
    hosts->start_daemon(Side::kDestination);
    expect_stays(*running, "failed");
  }
  {
    SCOPED_TRACE("the source's daemon is killed");
    const auto running = stopped("8MB/s");
    hosts->kill_daemon(Side::kSource);
    hosts->start_daemon(Side::kSource);
    expect_stays(*running, "failed");
  }
  {
    SCOPED_TRACE("the destination's QEMU is killed");
    const auto running = stopped("8MB/s");
    hosts->kill_qemu(Side::kDestination);
    expect_stays(*running, "failed");
  }
  {
    SCOPED_TRACE("stopped on request: too late, once Godwit has heard that the guest stopped");
    const auto running = stopped("30MB/s");
    running->signal(SIGINT);
    const Finished run = running->wait();
    const std::string at = run.json().at("outcome").at("vm_runs_on");
    EXPECT_TRUE(hosts->works());
    if (at == "source") {
      EXPECT_EQ(run.status, 1) << run.out;
      expect_at_source();
    } else {
      EXPECT_EQ(run.status, 0) << run.out;
      EXPECT_THAT(hosts->state(Side::kDestination), StartsWith("running"));
      bring_back();
    }
  }
  {
    SCOPED_TRACE("stopped on request in post-copy: too late");
    const auto running = split("5MB/s");
    running->signal(SIGINT);
    expect_arrives(*running);
    bring_back();
  }
  {
    SCOPED_TRACE("Godwit is killed in post-copy");
    const auto running = split("5MB/s");
    running->signal(SIGKILL);
    (void)running->wait();
    hosts->await_state(Side::kSource, "shut off");
    const Json found = run_godwit({"recover", "--json"}).json().at("vms").at(0);
    EXPECT_EQ(found.at("runs_on"), "destination");
    EXPECT_TRUE(hosts->works());
    bring_back();
  }
  {
    SCOPED_TRACE("the destination's QEMU is killed in post-copy: a part of the guest is lost");
    const auto running = split("8MB/s");
    hosts->kill_qemu(Side::kDestination);
    const Finished run = running->wait();
    EXPECT_EQ(run.status, 1) << run.out;
    EXPECT_EQ(run.json().at("outcome").at("vm_runs_on"), "unknown");
    EXPECT_THAT(hosts->state(Side::kSource), StartsWith("paused")) << "never runs on with a part";
    EXPECT_EQ(hosts->state(Side::kDestination), "none");
  }
}

/// Each host has a disk of its own of that name; the destination's file system is full before all
/// of it is there.
TEST_F(LibvirtFaults, ADiskThatDoesNotArriveLeavesTheGuestOnItsOwn) {
  hosts = std::make_unique<LibvirtHosts>(std::size_t{2});
  const std::string folder = hosts->lab().folder() + "/disks";
  const std::string disk = folder + "/vm.img";
  std::filesystem::create_directories(folder);
  std::ofstream(disk) << std::string(std::size_t{32} << 20, 'x');
  const auto there = [&](const std::string& size) {
    hosts->on(1, {"mount", "-t", "tmpfs", "-o", "size=" + size, "none", folder});
    hosts->on(1, {"truncate", "-s", "32M", disk});
  };
  hosts->start(0, {.memory = 112_MiB,
                   .load = small().load,
                   .devices = fmt::format("<disk type='file' device='disk'><driver name='qemu' "
                                          "type='raw'/><source file='{}'/><target dev='vda' "
                                          "bus='virtio'/></disk>",
                                          disk)});
  const std::vector<std::string> with_disk{"--technique", "precopy+storage"};
  {
    SCOPED_TRACE("the destination's storage is full");
    there("8m");
    const Finished run = run_godwit(hosts->migrate(with_disk));
    EXPECT_NE(run.status, 0) << run.out;
    EXPECT_THAT(run.out, HasSubstr("\"source\"")) << "said at once, or after a while";
    expect_at_source();
    hosts->on(1, {"umount", folder});
  }
  {
    SCOPED_TRACE("stopped while the disk is mirrored");
    there("64m");
    GodwitProgram running(hosts->migrate({"--technique", "precopy+storage", "--link", "1MB/s"}));
    hosts->await_job();
    running.signal(SIGINT);
    EXPECT_NE(running.wait().status, 0);
    expect_at_source();
  }
  {
    SCOPED_TRACE("nothing is in the way any more");
    GodwitProgram running(hosts->migrate(with_disk));
    expect_arrives(running);
  }
}

}  // namespace
}  // namespace godwit::e2e
