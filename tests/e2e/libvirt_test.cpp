// Migrations by libvirt between two hosts of it, and what becomes of the guest where they are
// disturbed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "libvirt_hosts.h"
#include "patience.h"

namespace godwit::e2e {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Libvirt : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = LibvirtHosts::why_not(); !why.empty()) GTEST_SKIP() << why;
    hosts = std::make_unique<LibvirtHosts>();
  }
  static Json outcome_of(const Finished& run, int status) {
    EXPECT_EQ(run.status, status) << run.out << run.err;
    return run.json().value("outcome", Json::object());
  }
  std::unique_ptr<LibvirtHosts> hosts;
};

TEST_F(Libvirt, PrecopyMovesTheGuestAndPostcopyMovesItBack) {
  Json outcome = outcome_of(run_godwit(hosts->migrate({"--technique", "precopy"})), 0);
  EXPECT_EQ(outcome.at("status"), "completed");
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_GT(outcome.at("downtime_ms").at("events"), 0);
  EXPECT_GE(outcome.at("rounds").size(), 2U);
  EXPECT_EQ(outcome.at("given_back"), true);
  EXPECT_THAT(outcome.at("remarks").dump(), HasSubstr("peer-to-peer"));
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("shut off (migrated)"));
  EXPECT_EQ(hosts->state(Side::kDestination), "running (migrated)");
  EXPECT_TRUE(hosts->works());

  outcome = outcome_of(
      run_godwit({"migrate", hosts->vm(Side::kDestination), "libvirt:qemu+tcp://10.92.0.1/system",
                  "--technique", "postcopy", "--no-profile", "--json", "--store", hosts->store()}),
      0);
  EXPECT_EQ(outcome.at("status"), "completed");
  EXPECT_EQ(outcome.at("technique"), "postcopy");
  EXPECT_GT(outcome.at("downtime_ms").at("events"), 0);
  EXPECT_EQ(hosts->state(Side::kDestination), "none") << "it was transient there";
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("running"));
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, IsPredictedFromItsMemoryAndNotTainted) {
  const auto messages = [&] {
    const std::string about = hosts->virsh(Side::kSource, {"dominfo", "vm"});
    return about.substr(about.find("Messages"));
  };
  const std::string before = messages();
  const Finished run = run_godwit(
      {"predict", hosts->vm(Side::kSource), "--link", "50MB/s", "--for", "1s", "--json"});
  ASSERT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_FALSE(run.json().at("predictions").empty());
  EXPECT_EQ(messages(), before) << "QMP behind libvirt's back would taint it";
}

/// A guest that no limit of 10 ms, with which the law begins, lets go.
TEST_F(Libvirt, ALawsOrdersAreCarriedOutOnTheWay) {
  hosts.reset();
  hosts = std::make_unique<LibvirtHosts>("memory-write,set=16MiB,rate=30MB/s,fill=16MiB");
  const Finished run =
      run_godwit({"migrate", hosts->vm(Side::kSource), hosts->destination(), "--json", "--store",
                  hosts->store(), "--for", "1s", "--technique", "precopy", "--law", "godwit",
                  "--max-downtime", "2s", "--no-postcopy", "--link", "12MB/s"});
  const Json outcome = outcome_of(run, 0);
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_EQ(outcome.at("technique"), "precopy");
  ASSERT_FALSE(outcome.at("orders").empty()) << run.out;
  EXPECT_TRUE(outcome.at("orders").at(0).at("accepted")) << outcome.at("orders").dump();
  EXPECT_EQ(outcome.at("given_back"), true);
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, StoppedInTheMiddleTheGuestStaysAndItsLimitIsGivenBack) {
  const auto before = hosts->virsh(Side::kSource, {"migrate-getmaxdowntime", "vm"});
  const auto running = hosts->begin({"--technique", "precopy", "--max-downtime", "20ms"});
  EXPECT_NE(hosts->virsh(Side::kSource, {"migrate-getmaxdowntime", "vm"}), before);
  running->signal(SIGINT);
  const Json outcome = outcome_of(running->wait(), 1);
  EXPECT_EQ(outcome.at("status"), "cancelled");
  EXPECT_EQ(outcome.at("vm_runs_on"), "source");
  EXPECT_EQ(outcome.at("given_back"), true);
  EXPECT_EQ(hosts->virsh(Side::kSource, {"migrate-getmaxdowntime", "vm"}), before);
  EXPECT_EQ(hosts->state(Side::kDestination), "none");
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, TheTimeThatWasAllowedEndsIt) {
  const Json outcome = outcome_of(
      run_godwit(hosts->migrate({"--technique", "precopy", "--link", "4MB/s", "--max-time", "3s"})),
      1);
  EXPECT_EQ(outcome.at("status"), "did_not_converge");
  EXPECT_EQ(outcome.at("vm_runs_on"), "source");
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, ADomainThatIsThereAlreadyIsSaidBeforeAnythingIsTouched) {
  hosts->virsh(Side::kDestination, {"define", hosts->another_domain("vm")});
  const Finished run = run_godwit(hosts->migrate({}));
  EXPECT_EQ(run.status, 2) << run.out << run.err;
  EXPECT_THAT(run.json().at("error").at("message"), HasSubstr("another domain of the name vm"));
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("running"));
}

TEST_F(Libvirt, WhatTheDestinationRefusesIsAnErrorAndNothingWasStarted) {
  // Its QEMU can't open the console's file: a folder of that host is missing.
  hosts->hide_console(Side::kDestination);
  const Finished run = run_godwit(hosts->migrate({"--technique", "precopy"}));
  EXPECT_NE(run.status, 0);
  EXPECT_TRUE(run.json().contains("error")) << run.out;
  EXPECT_EQ(run.json().value("vm_runs_on", ""), "source");
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("running"));
  EXPECT_EQ(hosts->state(Side::kDestination), "none");
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, ADaemonThatIsKilledTakesNoGuestWithIt) {
  const auto running = hosts->begin({"--technique", "precopy"});
  hosts->kill_daemon(Side::kSource);
  hosts->start_daemon(Side::kSource);
  const Json outcome = outcome_of(running->wait(), 1);
  EXPECT_EQ(outcome.at("status"), "failed");
  EXPECT_EQ(outcome.at("vm_runs_on"), "source");
  EXPECT_THAT(outcome.at("remarks").dump(), HasSubstr("lost on the way"));
  EXPECT_EQ(hosts->state(Side::kDestination), "none");
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, ADomainThatIsDestroyedInTheMiddleRunsNowhere) {
  const auto running = hosts->begin({"--technique", "precopy"});
  hosts->virsh(Side::kSource, {"destroy", "vm"});
  const Json outcome = outcome_of(running->wait(), 1);
  EXPECT_EQ(outcome.at("status"), "failed");
  EXPECT_EQ(outcome.at("vm_runs_on"), "unknown");
  EXPECT_THAT(outcome.at("remarks").dump(), HasSubstr("neither host"));
  EXPECT_EQ(hosts->state(Side::kDestination), "none");
}

TEST_F(Libvirt, AGuestThatIsPausedInTheMiddleStandsStillForTheRest) {
  const auto running = std::make_unique<GodwitProgram>(
      hosts->migrate({"--technique", "precopy", "--link", "8MB/s"}));
  hosts->await_sent(1);
  hosts->virsh(Side::kSource, {"suspend", "vm"});
  const Json outcome = outcome_of(running->wait(), 0);
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_GT(outcome.at("downtime_ms").at("events"), 0);
  EXPECT_THAT(hosts->state(Side::kDestination), HasSubstr("running")) << "as libvirt has it";
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("shut off (migrated)"));
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, AGuestThatWasPausedBeforeStaysPaused) {
  hosts->virsh(Side::kSource, {"suspend", "vm"});
  const Json outcome = outcome_of(run_godwit(hosts->migrate({"--technique", "precopy"})), 0);
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_THAT(hosts->state(Side::kDestination), HasSubstr("paused"));
  EXPECT_THAT(outcome.at("guest").at("evidence").dump(), HasSubstr("stands still"));
}

TEST_F(Libvirt, AKilledGodwitsLimitIsGivenBackAndItIsSaidWhereTheGuestRuns) {
  const auto before = hosts->virsh(Side::kSource, {"migrate-getmaxdowntime", "vm"});
  const auto running = hosts->begin({"--technique", "precopy", "--max-downtime", "20ms"});
  running->signal(SIGKILL);
  (void)running->wait();
  const Json goes_on = run_godwit({"recover", "--json"}).json().at("vms").at(0);
  EXPECT_EQ(goes_on.at("runs_on"), "source");
  EXPECT_THAT(goes_on.at("was").dump(), HasSubstr("goes on by itself")) << "it is peer-to-peer";
  hosts->virsh(Side::kSource, {"domjobabort", "vm"});
  hosts->await_no_job();
  const Json found = run_godwit({"recover", "--json"}).json().at("vms").at(0);
  EXPECT_EQ(found.at("runs_on"), "source");
  EXPECT_EQ(hosts->virsh(Side::kSource, {"migrate-getmaxdowntime", "vm"}), before);
  EXPECT_TRUE(run_godwit({"recover", "--json"}).json().at("vms").empty());
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, WhatVirshStartedIsWatchedToItsEnd) {
  hosts->virsh(Side::kSource, {"migrate-setspeed", "vm", "8"});
  GodwitProgram watching({"watch", hosts->vm(Side::kSource), "--wait", "--json"});
  hosts->virsh(Side::kSource, {"migrate", "--live", "--p2p", "vm", "qemu+tcp://10.92.0.2/system"});
  const Finished run = watching.wait();
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"look\""));
  EXPECT_THAT(run.out, HasSubstr("\"completed\""));
}

// --- the relay ---

TEST_F(Libvirt, RelayedItGoesThroughThisProcessWhichPacesItAndEndsWithIt) {
  const auto running = hosts->begin({"--technique", "precopy", "--relay"});
  running->signal(SIGKILL);
  (void)running->wait();
  hosts->await_no_job();  // peer-to-peer, it would go on otherwise
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("running")) << "unpaced, it had left by then";
  const Json found = run_godwit({"recover", "--json"}).json().at("vms").at(0);
  EXPECT_EQ(found.at("runs_on"), "source");
  EXPECT_TRUE(hosts->works());
}

TEST_F(Libvirt, RelayedByPrecopyItArrivesAndGoesBackByPostcopy) {
  Json outcome = outcome_of(
      run_godwit(hosts->migrate({"--technique", "precopy", "--relay", "--link", "60MB/s"})), 0);
  EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
  EXPECT_THAT(outcome.at("remarks").dump(), HasSubstr("peer-to-peer"));
  EXPECT_TRUE(hosts->works());
  std::vector<std::string> back = hosts->migrate({"--technique", "postcopy", "--relay"});
  back[1] = hosts->vm(Side::kDestination);
  back[2] = "libvirt:qemu+tcp://10.92.0.1/system";
  outcome = outcome_of(run_godwit(back), 0);
  EXPECT_EQ(outcome.at("technique"), "postcopy");
  EXPECT_TRUE(hosts->works());
}

// --- TLS ---

/// Hosts that migrate by TLS alone, with certificates of one authority.
class LibvirtTls : public Libvirt {
 protected:
  void SetUp() override {
    Libvirt::SetUp();
    if (IsSkipped()) return;
    hosts->on(0, {"sh", "-euc", R"(mkdir "$1"; cd "$1"; exec 2>/dev/null
new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@"; }
new -x509 -days 2 -subj /CN=authority -keyout ca-key.pem -out ca-cert.pem
new -subj /CN=host -keyout server-key.pem -out host.csr
echo 'subjectAltName=IP:10.92.0.1,IP:10.92.0.2' >names
openssl x509 -req -in host.csr -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
  -extfile names -out server-cert.pem
for end in key cert; do cp server-$end.pem client-$end.pem; done)",
                  "sh", certificates()});
    for (const std::size_t host : {0, 1}) {
      std::ofstream(hosts->lab().folder_of(host) + "/etc/libvirt/qemu.conf", std::ios::app)
          << "migrate_tls_x509_cert_dir = \"" << certificates() << "\"\nmigrate_tls_force = 1\n";
    }
    for (const Side side : {Side::kSource, Side::kDestination}) {
      hosts->kill_daemon(side);
      hosts->start_daemon(side);
    }
  }
  [[nodiscard]] std::string certificates() const { return hosts->lab().folder() + "/pki"; }
};

TEST_F(LibvirtTls, IsThereWhereItIsAskedFor) {
  const Finished plain = run_godwit(hosts->migrate({"--technique", "precopy"}));
  EXPECT_NE(plain.status, 0);
  EXPECT_THAT(plain.out, HasSubstr("ask for TLS: --tls")) << plain.err;
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("running"));

  for (const char* technique : {"precopy", "multifd"}) {
    const bool back = technique == std::string("multifd");
    std::vector<std::string> words = hosts->migrate({"--technique", technique, "--tls"});
    if (back) {
      words[1] = hosts->vm(Side::kDestination);
      words[2] = "libvirt:qemu+tcp://10.92.0.1/system";
    }
    const Json outcome = outcome_of(run_godwit(words), 0);
    EXPECT_EQ(outcome.at("vm_runs_on"), "destination");
    EXPECT_THAT(outcome.at("remarks").dump(), HasSubstr("encrypted by TLS"));
    EXPECT_TRUE(hosts->works());
  }
}

TEST_F(LibvirtTls, ACertificateThatIsMissingIsSaidAndTheGuestStays) {
  hosts->on(0, {"rm", certificates() + "/ca-cert.pem"});
  Finished run;
  RealClock clock;
  // refused later than usual, as on a busy machine, it is a migration that failed, without advice
  EXPECT_TRUE(comes(clock, [&] {
    run = run_godwit(hosts->migrate({"--technique", "precopy", "--tls"}));
    return run.json().contains("error");
  }));
  EXPECT_NE(run.status, 0);
  EXPECT_THAT(run.out, HasSubstr("ca-cert.pem")) << run.err;
  EXPECT_THAT(run.out, HasSubstr("leave --tls out")) << run.err;
  EXPECT_THAT(hosts->state(Side::kSource), HasSubstr("running"));
  EXPECT_EQ(hosts->state(Side::kDestination), "none");
  EXPECT_TRUE(hosts->works());
}

}  // namespace
}  // namespace godwit::e2e
