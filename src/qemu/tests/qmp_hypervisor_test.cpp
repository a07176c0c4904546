#include "godwit/qemu/qmp_hypervisor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "godwit/qmp/testing/fake_qmp_server.h"

namespace godwit::qemu {
namespace {

using qmp::testing::captured_return;
using qmp::testing::FakeQmpServer;
using qmp::testing::QemuVersion;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kStream = "tcp:10.0.0.2:4444";

class Hypervisors : public ::testing::TestWithParam<QemuVersion> {
 protected:
  Hypervisors() : fake(GetParam()) { fake.greet().answer_as_captured(); }

  QmpHypervisor& connect() {
    fake.start();
    auto connected = QmpHypervisor::connect(fake.path(), clock, {Seconds(60), Seconds(60)});
    if (!connected) throw std::runtime_error(connected.error().message);
    qemu = std::move(*connected);
    return *qemu;
  }
  static bool is_new() { return GetParam() != QemuVersion::k7_2; }
  static bool asks_for_virtio() { return GetParam() != QemuVersion::k11_1; }
  static std::string node_of_the_disk() {
    return captured_return(GetParam(), "query-block").at(0).at("inserted").at("node-name");
  }

  /// What `migrate-incoming` is told.
  static Json incoming() {
    Json arguments{{"uri", kStream}};
    if (is_new()) arguments["exit-on-error"] = false;
    return arguments;
  }

  RealClock clock;
  FakeQmpServer fake;
  std::unique_ptr<QmpHypervisor> qemu;
};

TEST_P(Hypervisors, DescribesTheVm) {
  const VmDescription vm = connect().describe().value();
  EXPECT_EQ(vm.name, "captured");
  const std::string version(to_string(GetParam()));
  EXPECT_EQ(fmt::format("{}.{}", vm.version_major, vm.version_minor), version);
  EXPECT_THAT(vm.version, StartsWith(version + "."));
  EXPECT_EQ(vm.accelerator, "tcg");
  EXPECT_EQ(vm.machine, "pc-i440fx-" + version);
  EXPECT_EQ(vm.cpu_model, "qemu64-x86_64-cpu");
  EXPECT_EQ(vm.vcpus, 2);
  EXPECT_EQ(vm.ram, 64_MiB);
  ASSERT_EQ(vm.disks.size(), 1U);
  EXPECT_EQ(vm.disks.front().place, "i440FX-pcihost/04.0/virtio-blk-device");
  EXPECT_EQ(vm.state, RunState::kRunning);
  EXPECT_EQ(vm.can.contains(Capability::kCompress), !is_new());
  EXPECT_EQ(vm.pid, ::getpid());
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, AnObserverChangesNothing) {
  QmpHypervisor& observed = connect();
  ASSERT_TRUE(observed.describe());
  ASSERT_TRUE(observed.inspect());
  ASSERT_TRUE(observed.cpu_features());
  ASSERT_TRUE(observed.ram_layout());
  ASSERT_TRUE(observed.run_state());
  ASSERT_TRUE(observed.migration_status());
  ASSERT_TRUE(observed.capabilities());
  ASSERT_TRUE(observed.parameters());
  EXPECT_THAT(fake.finish(), IsEmpty());
  EXPECT_THAT(fake.commands(),
              Each(AnyOf("qmp_capabilities", "qom-get", "qom-list", "human-monitor-command",
                         StartsWith("query-"), StartsWith("x-query-"))));
}

TEST_P(Hypervisors, FindsGuestMemory) {
  const RamLayout layout = connect().ram_layout().value();
  EXPECT_EQ(layout.pid, ::getpid());
  EXPECT_EQ(layout.blocks.front().name, "pc.ram");
  EXPECT_EQ(layout.blocks.front().size, 64_MiB);
  if (is_new()) {
    EXPECT_EQ(total_size(layout), Bytes(84484096));
  } else {
    EXPECT_EQ(layout.blocks.size(), 1U) << "the captured 7.2 answered for address 0 alone";
  }
}

TEST_P(Hypervisors, GivesUpAPostcopysLinkBesideABusyMainLoop) {
  fake.expect("migrate-pause").reply();
  ASSERT_TRUE(connect().pause_postcopy());
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, SetsCapabilitiesInOneGo) {
  const Json list = Json::array({Json{{"capability", "events"}, {"state", true}},
                                 Json{{"capability", "multifd"}, {"state", false}}});
  fake.expect("migrate-set-capabilities", {{"capabilities", list}}).reply();
  ASSERT_TRUE(connect().set_capabilities({Capability::kEvents}, {Capability::kMultifd}));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, WhatTheSchemaLacksIsNamedAndNothingIsSet) {
  QmpHypervisor& vm = connect();
  MigrationParameters parameters;
  parameters.multifd_compression = "lzma";
  const auto value = vm.set_parameters(parameters);
  EXPECT_EQ(value.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(value.error().message, AllOf(HasSubstr("multifd-compression"), HasSubstr("lzma")));
  if (is_new()) {
    const auto verdict = vm.set_capabilities({Capability::kCompress}, {});
    EXPECT_EQ(verdict.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(verdict.error().message, HasSubstr("compress"));
    EXPECT_TRUE(vm.set_capabilities({}, {Capability::kCompress})) << "what is not there is off";
  } else {
    MigrationParameters newer;
    newer.avail_switchover_bandwidth = 20_MB_per_s;
    const auto verdict = vm.set_parameters(newer);
    EXPECT_EQ(verdict.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(verdict.error().message, HasSubstr("avail-switchover-bandwidth"));
  }
  EXPECT_THAT(fake.finish(), IsEmpty());
  EXPECT_THAT(fake.commands(), Each(AnyOf("qmp_capabilities", StartsWith("query-"))));
}

TEST_P(Hypervisors, SetsParametersInQemusUnits) {
  fake.expect("migrate-set-parameters",
              {{"max-bandwidth", 40'000'000}, {"downtime-limit", 300}, {"multifd-channels", 4}})
      .reply();
  MigrationParameters parameters;
  parameters.max_bandwidth = 40_MB_per_s;
  parameters.downtime_limit = Seconds(0.3);
  parameters.multifd_channels = 4;
  parameters.precopy_share = Ratio(0.5);  // the house's own, none of QEMU's
  ASSERT_TRUE(connect().set_parameters(parameters));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, VerbsOfAMigration) {
  fake.expect("migrate", {{"uri", "tcp:127.0.0.1:4444"}}).reply();
  fake.expect("migrate-start-postcopy").reply();
  fake.expect("migrate_cancel").reply();
  fake.expect("stop").reply();
  fake.expect("cont").reply();
  fake.expect("quit").event("SHUTDOWN", {{"guest", false}, {"reason", "host-qmp-quit"}}).close();
  QmpHypervisor& vm = connect();
  EXPECT_TRUE(vm.migrate("tcp:127.0.0.1:4444"));
  EXPECT_TRUE(vm.start_postcopy());
  EXPECT_TRUE(vm.cancel());
  EXPECT_TRUE(vm.pause());
  EXPECT_TRUE(vm.resume());
  EXPECT_TRUE(vm.quit()) << "gone before its answer is as good as quit";
  const auto event = vm.next_event(clock.now() + Seconds(60)).value().value();
  EXPECT_EQ(event.kind, HypervisorEvent::Kind::kShutdown);
  EXPECT_EQ(vm.next_event(clock.now()).error().code, ErrorCode::kPeerGone);
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, MigratesIntoASinkOfItsOwn) {
  fake.expect("getfd", {{"fdname", "godwit-sink"}}).reply();
  fake.expect("migrate", {{"uri", "fd:godwit-sink"}}).reply();
  EXPECT_TRUE(connect().migrate_to_sink());
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, ARefusedSinkIsTakenBack) {
  fake.expect("getfd", {{"fdname", "godwit-sink"}}).reply();
  fake.expect("migrate", {{"uri", "fd:godwit-sink"}}).refuse("There's a migration in progress");
  fake.expect("closefd", {{"fdname", "godwit-sink"}}).reply();
  const auto started = connect().migrate_to_sink();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kRefused);
  EXPECT_THAT(fake.finish(), IsEmpty());
}

// --- disks ---

Json inet(int port) {
  return Json{
      {"addr",
       {{"type", "inet"}, {"data", {{"host", "10.0.0.2"}, {"port", std::to_string(port)}}}}}};
}
Json job(const std::string& id, const std::string& status, std::int64_t done) {
  return Json{{"id", id},
              {"type", "mirror"},
              {"status", status},
              {"current-progress", done},
              {"total-progress", 1000}};
}

// --- listening ---

TEST_P(Hypervisors, ListensWhereItsQemuCan) {
  fake.expect("nbd-server-start", inet(4444)).reply();
  fake.expect("nbd-server-stop").reply();
  fake.expect("migrate-incoming", incoming()).reply();
  EXPECT_TRUE(connect().listen(kStream));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, AnAddressThatIsTakenDoesNotBurnTheDestination) {
  fake.expect("nbd-server-start", inet(4444)).refuse("Failed to bind: Address already in use");
  const auto listening = connect().listen(kStream);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, ErrorCode::kRefused);
  EXPECT_THAT(listening.error().message, AllOf(HasSubstr(kStream), HasSubstr("already in use")));
  EXPECT_THAT(listening.error().what_to_do, HasSubstr("can be used again"));
  EXPECT_THAT(fake.finish(), IsEmpty());
  EXPECT_THAT(fake.commands(), ::testing::Not(Contains("migrate-incoming")));
}

TEST_P(Hypervisors, WhereAnothersNbdServerRunsTheAddressIsNotTried) {
  fake.expect("nbd-server-start", inet(4444)).refuse("NBD server already running");
  fake.expect("migrate-incoming", incoming()).reply();
  EXPECT_TRUE(connect().listen(kStream));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, AFailureToListenSaysWhetherTheDestinationCanBeUsedAgain) {
  for (const bool spent : {false, true}) {
    FakeQmpServer one(GetParam());
    one.greet().answer_as_captured();
    one.whenever("query-status", {{"status", "inmigrate"}, {"running", false}});
    bool failed = false;
    one.whenever("query-migrate", [&](const Json&) -> Result<Json> {
      return spent && failed ? Json{{"status", "setup"}} : Json::object();
    });
    one.whenever("nbd-server-start", Json::object()).whenever("nbd-server-stop", Json::object());
    one.whenever("migrate-incoming", [&](const Json&) -> Result<Json> {
      failed = true;
      return fail(ErrorCode::kRefused, "Address already in use");
    });
    one.start();
    auto vm = QmpHypervisor::connect(one.path(), clock, {Seconds(60), Seconds(60)}).value();
    EXPECT_EQ(vm->listen(kStream).error().what_to_do,
              std::string(advice_on(spent ? Receiving::kSpent : Receiving::kReady)));
  }
}

Json listening_on(const char* host, const char* status = "setup") {
  const Json address{{"type", "inet"}, {"host", host}, {"port", "4444"}, {"ipv4", true}};
  return Json{{"status", status}, {"socket-address", Json::array({address})}};
}

TEST_P(Hypervisors, ADestinationThatListensAlreadyIsUsedAsItIs) {
  Json state = listening_on("0.0.0.0");
  fake.whenever("query-migrate", [&](const Json&) -> Result<Json> { return state; });
  QmpHypervisor& vm = connect();
  EXPECT_THAT(vm.migration_status().value().listens_on, ElementsAre("tcp:0.0.0.0:4444"));
  EXPECT_TRUE(vm.listen(kStream));
  const auto elsewhere = vm.listen("tcp:10.0.0.2:4445");
  EXPECT_EQ(elsewhere.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(elsewhere.error().message, HasSubstr("tcp:0.0.0.0:4444"));
  state = listening_on("::");
  EXPECT_THAT(vm.migration_status().value().listens_on, ElementsAre("tcp:[::]:4444"));
  state = Json{{"socket-address", Json::array({Json{{"type", "unix"}, {"path", "/run/in"}}})}};
  EXPECT_TRUE(vm.listen("unix:/run/in"));
  EXPECT_FALSE(vm.listen(kStream));
  state = listening_on("10.0.0.2", "failed");
  EXPECT_THAT(vm.listen(kStream).error().what_to_do, HasSubstr("anew"));
  EXPECT_THAT(fake.finish(), IsEmpty());
  EXPECT_THAT(fake.commands(), ::testing::Not(Contains("migrate-incoming")));
}

TEST_P(Hypervisors, TellsWhetherItCanReceive) {
  std::string run_state = "inmigrate";
  Json state;
  fake.whenever("query-status", [&](const Json&) -> Result<Json> {
    return Json{{"status", run_state}, {"running", false}};
  });
  fake.whenever("query-migrate", [&](const Json&) -> Result<Json> { return state; });
  QmpHypervisor& vm = connect();
  const auto told = [&](Json now) {
    state = std::move(now);
    return vm.can_receive().value();
  };
  EXPECT_EQ(told(Json::object()), Receiving::kReady);
  EXPECT_EQ(told(listening_on("10.0.0.2")), Receiving::kListens);
  EXPECT_EQ(told(Json{{"status", "setup"}}), Receiving::kSpent) << "listening failed";
  for (const char* status : {"active", "failed", "completed", "postcopy-active", "unheard-of"}) {
    EXPECT_EQ(told(listening_on("10.0.0.2", status)), Receiving::kSpent) << status;
  }
  run_state = "running";
  EXPECT_EQ(told(Json::object()), Receiving::kSpent);
}

// --- disks again ---

TEST_P(Hypervisors, TheMigrationsTlsHoldsForItsDisks) {
  fake.whenever("query-migrate-parameters",
                Json{{"tls-creds", "tls0"}, {"tls-authz", "who"}, {"tls-hostname", "dst.example"}});
  Json server = inet(4445);
  server["tls-creds"] = "tls0";
  server["tls-authz"] = "who";
  fake.expect("nbd-server-start", server).reply();
  fake.expect("blockdev-add",
              {{"driver", "nbd"},
               {"node-name", "godwit-nbd-0"},
               {"server", {{"type", "inet"}, {"host", "10.0.0.2"}, {"port", "4445"}}},
               {"export", "disk"},
               {"discard", "unmap"},
               {"tls-creds", "tls0"},
               {"tls-hostname", "dst.example"},
               {"open-timeout", 2}})
      .refuse("TLS handshake failed");
  QmpHypervisor& vm = connect();
  EXPECT_TRUE(vm.serve_storage(kStream, {}).value().encrypted);
  StorageOffer offer{"10.0.0.2", 4445, {{"virtio0", "disk"}}};
  offer.encrypted = true;
  EXPECT_EQ(vm.mirror_storage(offer, {}).error().code, ErrorCode::kRefused);
  offer.encrypted = false;
  const auto in_the_clear = vm.mirror_storage(offer, {});
  EXPECT_EQ(in_the_clear.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(in_the_clear.error().message, HasSubstr("encrypted at the source alone"));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, DisksBesideAUnixSocketHaveOneToo) {
  fake.expect("nbd-server-start",
              {{"addr", {{"type", "unix"}, {"data", {{"path", "/run/in.disks"}}}}}})
      .reply();
  fake.expect("blockdev-add", {{"driver", "nbd"},
                               {"node-name", "godwit-nbd-0"},
                               {"server", {{"type", "unix"}, {"path", "/run/in.disks"}}},
                               {"export", "disk"},
                               {"discard", "unmap"},
                               {"open-timeout", 2}})
      .refuse("no such file");
  QmpHypervisor& vm = connect();
  StorageOffer offer = vm.serve_storage("unix:/run/in", {}).value();
  EXPECT_EQ(offer.socket, "/run/in.disks");
  offer.exports.push_back({"virtio0", "disk"});
  EXPECT_FALSE(vm.mirror_storage(offer, {}));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, ServesItsDisksBesideTheStream) {
  const std::string node = node_of_the_disk();
  fake.expect("nbd-server-start", inet(4445)).refuse("Failed to bind: Address already in use");
  fake.expect("nbd-server-start", inet(4446)).reply();
  fake.expect("block-export-add", {{"type", "nbd"},
                                   {"id", "godwit-disk-0"},
                                   {"node-name", node},
                                   {"name", "godwit-disk-0"},
                                   {"writable", true}})
      .reply();
  fake.whenever("query-jobs", Json::array());
  fake.whenever("query-named-block-nodes", Json::array());
  fake.expect("nbd-server-stop").reply();
  QmpHypervisor& vm = connect();
  const StorageOffer offer = vm.serve_storage("tcp:10.0.0.2:4444", {"virtio0"}).value();
  EXPECT_EQ(offer, (StorageOffer{"10.0.0.2", 4446, {{"virtio0", "godwit-disk-0"}}}));
  EXPECT_TRUE(vm.drop_storage());
  EXPECT_TRUE(vm.drop_storage()) << "a second time nothing is stopped";
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, AnothersServerIsLeftAlone) {
  fake.expect("nbd-server-start", inet(4445)).refuse("NBD server already running");
  fake.whenever("query-jobs", Json::array());
  fake.whenever("query-named-block-nodes", Json::array());
  QmpHypervisor& vm = connect();
  EXPECT_EQ(vm.serve_storage("tcp:10.0.0.2:4444", {"virtio0"}).error().code, ErrorCode::kRefused);
  EXPECT_TRUE(vm.drop_storage());
  EXPECT_EQ(vm.serve_storage("exec:cat", {}).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(vm.serve_storage("tcp:10.0.0.2:0", {}).error().code, ErrorCode::kBadInput);
  EXPECT_THAT(fake.finish(), IsEmpty());
  EXPECT_THAT(fake.commands(), ::testing::Not(Contains("nbd-server-stop")));
}

TEST_P(Hypervisors, MirrorsADiskIntoTheOneThatIsOffered) {
  const std::string node = node_of_the_disk();
  fake.expect("blockdev-add",
              {{"driver", "nbd"},
               {"node-name", "godwit-nbd-0"},
               {"server", {{"type", "inet"}, {"host", "10.0.0.2"}, {"port", "4445"}}},
               {"export", "disk"},
               {"discard", "unmap"},
               {"open-timeout", 2}})
      .reply();
  fake.expect("blockdev-mirror", {{"job-id", "godwit-mirror-0"},
                                  {"device", node},
                                  {"target", "godwit-nbd-0"},
                                  {"sync", "full"},
                                  {"on-source-error", "report"},
                                  {"on-target-error", "report"},
                                  {"auto-dismiss", false},
                                  {"speed", 40'000'000}})
      .reply();
  QmpHypervisor& vm = connect();
  const StorageOffer offer{"10.0.0.2", 4445, {{"virtio0", "disk"}}};
  ASSERT_TRUE(vm.mirror_storage(offer, 40_MB_per_s));
  StorageOffer encrypted = offer;
  encrypted.encrypted = true;
  EXPECT_EQ(vm.mirror_storage(encrypted, {}).error().code, ErrorCode::kBadInput)
      << "the source's migration is not encrypted";
  const auto unknown = vm.mirror_storage({"10.0.0.2", 4445, {{"virtio7", "disk"}}}, {});
  EXPECT_THAT(unknown.error().message, HasSubstr("virtio7"));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, SumsItsMirrorsUpAndNobodyElsesJobs) {
  Json jobs = Json::array({job("godwit-mirror-0", "ready", 1000),
                           job("godwit-mirror-1", "running", 400), job("backup", "running", 7)});
  fake.whenever("query-jobs", [&jobs](const Json&) -> Result<Json> { return jobs; });
  QmpHypervisor& vm = connect();
  EXPECT_EQ(vm.storage_status().value(),
            (StorageStatus{2, 2, false, "", Bytes(1400), Bytes(2000)}));
  jobs[1]["status"] = "standby";
  EXPECT_TRUE(vm.storage_status().value().ready);
  jobs[1]["status"] = "concluded";
  jobs[1]["error"] = "No space left on device";
  const StorageStatus broken = vm.storage_status().value();
  EXPECT_EQ(broken.running, 1);
  EXPECT_EQ(broken.error, "No space left on device");
  jobs = Json::array();
  EXPECT_EQ(vm.storage_status().value(), StorageStatus{});
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, JobsOfAnySizeCanBeAddedUp) {
  Json jobs = Json::array();
  for (int i = 0; i < 20; ++i) {
    jobs.push_back(job(fmt::format("godwit-mirror-{}", i), "ready", std::int64_t{1} << 60));
    jobs.back()["total-progress"] = std::int64_t{1} << 60;
  }
  fake.whenever("query-jobs", jobs);
  const StorageStatus status = connect().storage_status().value();
  EXPECT_EQ(status.done, kMostBytes);
  EXPECT_EQ(status.total, kMostBytes);
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, EndsItsMirrorsInPeaceOrByForce) {
  Json jobs = Json::array({job("godwit-mirror-0", "ready", 1000),
                           job("godwit-mirror-1", "concluded", 1000), job("backup", "ready", 7)});
  const Json nodes =
      Json::array({Json{{"node-name", "disk0"}}, Json{{"node-name", "godwit-nbd-0"}}});
  fake.whenever("query-jobs", [&jobs](const Json&) -> Result<Json> { return jobs; });
  fake.whenever("query-named-block-nodes", nodes);
  fake.expect("block-job-cancel", {{"device", "godwit-mirror-0"}, {"force", false}}).reply();
  fake.expect("block-job-cancel", {{"device", "godwit-mirror-0"}, {"force", true}}).reply();
  fake.expect("job-dismiss", {{"id", "godwit-mirror-1"}}).reply();
  const Json instance{{"type", "block-node"}, {"node-name", "godwit-nbd-0"}};
  fake.expect("yank", {{"instances", Json::array({instance})}}).reply();
  fake.expect("job-dismiss", {{"id", "godwit-mirror-0"}}).reply();
  fake.expect("blockdev-del", {{"node-name", "godwit-nbd-0"}}).reply();
  fake.expect("migrate-continue", {{"state", "pre-switchover"}}).reply();
  QmpHypervisor& vm = connect();
  EXPECT_TRUE(vm.finish_storage());
  EXPECT_TRUE(vm.drop_storage()) << "one runs still: its connection is cut";
  jobs = Json::array({job("godwit-mirror-0", "concluded", 1000), job("backup", "ready", 7)});
  EXPECT_TRUE(vm.drop_storage()) << "all have ended: nothing of them stays";
  EXPECT_TRUE(vm.continue_switchover());
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, AnswersOfTheWrongKindAreErrors) {
  for (const char* command : {"query-version", "query-cpus-fast", "query-block", "query-status",
                              "qom-get", "query-memory-size-summary"}) {
    FakeQmpServer odd(GetParam());
    odd.greet().answer_as_captured().whenever(command, Json(7));
    odd.start();
    auto vm = QmpHypervisor::connect(odd.path(), clock, {Seconds(60), Seconds(60)});
    const auto description = vm ? (*vm)->describe() : Result<VmDescription>(fail(vm.error()));
    ASSERT_FALSE(description) << command;
    EXPECT_EQ(description.error().code, ErrorCode::kProtocol) << command;
  }
}

TEST_P(Hypervisors, InspectionsAnswersOfTheWrongKindAreErrors) {
  for (const char* command :
       {"query-cpus-fast", "query-block", "qom-list", "query-memory-size-summary", "query-jobs",
        "query-migrate-capabilities", "query-migrate-parameters", "query-hotpluggable-cpus",
        "query-memory-devices", "x-query-virtio", "x-query-virtio-status", "query-uuid",
        "human-monitor-command"}) {
    if (!asks_for_virtio() && std::string_view(command).starts_with("x-query-virtio")) continue;
    FakeQmpServer odd(GetParam());
    odd.greet().answer_as_captured().whenever(command, Json(7));
    odd.start();
    auto vm = QmpHypervisor::connect(odd.path(), clock, {Seconds(60), Seconds(60)});
    const auto found = vm ? (*vm)->inspect() : Result<Inspection>(fail(vm.error()));
    ASSERT_FALSE(found) << command;
    EXPECT_EQ(found.error().code, ErrorCode::kProtocol) << command;
  }
}

DeviceShape device_of(const Inspection& found, const std::string& type) {
  for (const DeviceShape& device : found.devices) {
    if (device.type == type) return device;
  }
  return {};
}

TEST_P(Hypervisors, InspectsTheMachine) {
  const Inspection found = connect().inspect().value();
  EXPECT_EQ(found.machine.at("hpet"), "true");
  EXPECT_EQ(found.machine.at("smp.maxcpus"), "2");
  EXPECT_EQ(found.machine.count("kernel") + found.machine.count("rtc-time"), 0U);
  EXPECT_EQ(found.base_memory, 64_MiB);
  EXPECT_EQ(found.ram_blocks.at("pc.ram"), 64_MiB);
  EXPECT_EQ(found.ram_blocks.at("/rom@etc/acpi/tables"), 2_MiB) << "and not what it holds now";
  EXPECT_EQ(found.uuid, "00000000-0000-0000-0000-000000000000");
  EXPECT_THAT(found.disk_jobs, IsEmpty());
  EXPECT_THAT(found.other_capabilities, IsEmpty());
  EXPECT_EQ(found.tls, "");
  EXPECT_THAT(fake.finish(), IsEmpty());
  EXPECT_LT(fake.commands().size(), 150U);
}

TEST_P(Hypervisors, InspectsDevices) {
  const Inspection found = connect().inspect().value();
  EXPECT_EQ(device_of(found, "virtio-serial-pci").id, "serial0");
  EXPECT_EQ(device_of(found, "virtio-serial-pci").place, "i440FX-pcihost/03.0");
  const DeviceShape console = device_of(found, "virtconsole");
  EXPECT_THAT(console.place, StartsWith("i440FX-pcihost/03.0/"));
  EXPECT_THAT(console.place, ::testing::EndsWith("virtconsole nr=0"));
  EXPECT_EQ(console.properties.count("chardev"), 0U);
  const DeviceShape disk = device_of(found, "virtio-blk-device");
  EXPECT_EQ(disk.properties.at("packed"), "false");
  EXPECT_EQ(disk.properties.count("drive"), 0U);
  EXPECT_EQ(device_of(found, "hpet").place, "hpet");
  const auto vcpus = std::count_if(found.devices.begin(), found.devices.end(), [](const auto& one) {
    return one.type == "vCPU" && one.place.find("socket-id") != std::string::npos;
  });
  EXPECT_EQ(vcpus, 2);
}

TEST_P(Hypervisors, InspectsWhatVirtioDevicesAndDriversAgreedUpon) {
  const Inspection found = connect().inspect().value();
  if (!asks_for_virtio()) {
    EXPECT_THAT(found.virtio, IsEmpty());
    EXPECT_THAT(fake.commands(), Each(::testing::Not(StartsWith("x-query-virtio"))))
        << "QEMU 11.1 would end itself";
    return;
  }
  ASSERT_EQ(found.virtio.size(), 2U);
  EXPECT_EQ(found.virtio.front().device, "virtio-blk at 04.0");
  EXPECT_THAT(found.virtio.front().offered, Contains("VIRTIO_BLK_F_FLUSH"));
  EXPECT_THAT(found.virtio.front().taken, Contains("VIRTIO_BLK_F_SEG_MAX")) << "by the firmware";
}

/// Of these QEMU asserts, or follows a null pointer, while their backend runs.
TEST_P(Hypervisors, VhostDevicesThatQemuWouldDieOfAreNotAsked) {
  Json listed = captured_return(GetParam(), "x-query-virtio");
  std::map<std::string, std::string> types;
  for (const char* type :
       {"vhost-user-scsi", "vhost-user-rng", "vhost-user-snd", "vhost-user-gpio-device",
        "vhost-user-i2c-device", "vhost-user-input", "vhost-user-vsock-device", "vhost-scsi",
        "vhost-vdpa-device", "of a QEMU to come"}) {
    const std::string path = fmt::format("/machine/peripheral/{}/virtio-backend", type);
    types[path] = type;
    listed.insert(listed.begin(), Json{{"name", type}, {"path", path}});
  }
  fake.whenever("x-query-virtio", listed);
  const auto objects = qmp::testing::captured(GetParam(), "qom");
  fake.whenever("qom-get", [types, objects](const Json& arguments) -> Result<Json> {
    const std::string path = arguments.value("path", "");
    const std::string property = arguments.value("property", "");
    if (types.contains(path) && property == "type") return Json(types.at(path));
    const Json values = objects.value(path, Json::object()).value("values", Json::object());
    if (values.contains(property)) return values.at(property);
    return fail(ErrorCode::kRefused, "no such property");
  });
  const Inspection found = connect().inspect().value();
  EXPECT_EQ(found.virtio.size(), asks_for_virtio() ? 2U : 0U) << "and the others as before";
  EXPECT_THAT(fake.finish(), IsEmpty());
  const auto& commands = fake.commands();
  EXPECT_EQ(std::count(commands.begin(), commands.end(), "x-query-virtio-status"),
            asks_for_virtio() ? 2 : 0);
}

TEST_P(Hypervisors, InspectsTheCpu) {
  QmpHypervisor& vm = connect();
  const CpuShape cpu = vm.inspect().value().cpu;
  EXPECT_EQ(cpu.properties.at("vendor"), "AuthenticAMD");
  EXPECT_FALSE(cpu.features.at("hv-relaxed"));
  EXPECT_NE(cpu.words.at("CPUID 1 EDX"), 0U);
  EXPECT_EQ(cpu.features.count("lm"), 0U) << "a word has it";
  EXPECT_EQ(cpu.features.count("vmx-ept"), 0U) << "without VMX there is none";
  const auto features = vm.cpu_features().value();
  EXPECT_TRUE(features.at("lm"));
  EXPECT_EQ(features.count("realized") + features.count("sse4_1"), 0U);
}

TEST_P(Hypervisors, WhereNobodyTellsThereIsNothing) {
  const auto refuses = [](const Json&) -> Result<Json> {
    return fail(ErrorCode::kRefused, "not on this machine");
  };
  for (const char* command : {"query-hotpluggable-cpus", "query-memory-devices", "x-query-virtio",
                              "qom-list", "query-jobs"}) {
    fake.whenever(command, refuses);
  }
  const Inspection found = connect().inspect().value();
  EXPECT_THAT(found.virtio, IsEmpty());
  EXPECT_THAT(found.machine, IsEmpty());
  EXPECT_EQ(device_of(found, "hpet").place, "hpet");
}

TEST_P(Hypervisors, InspectsWhatSomebodyHasSetUp) {
  const auto capability = [](const char* name) {
    return Json{{"capability", name}, {"state", true}};
  };
  const auto bitmap = [](const char* name, bool persistent) {
    return Json{{"name", name}, {"persistent", persistent}};
  };
  Json disks = qmp::testing::captured_return(GetParam(), "query-block");
  disks.front()["inserted"]["dirty-bitmaps"] =
      Json::array({bitmap("daily", true), bitmap("b0", false), Json{{"persistent", false}}});
  fake.whenever("query-block", disks);
  fake.whenever("query-migrate-capabilities",
                Json::array({capability("multifd"), capability("background-snapshot"),
                             Json{{"capability", "x-colo"}, {"state", false}}}));
  fake.whenever("query-migrate-parameters", Json{{"tls-creds", "tls0"}});
  Json backup = job("nightly", "running", 7);
  backup["type"] = "backup";
  fake.whenever("query-jobs", Json::array({backup, job("godwit-mirror-0", "ready", 1000),
                                           job("old", "concluded", 1000)}));
  const Inspection found = connect().inspect().value();
  EXPECT_THAT(found.disk_bitmaps, ElementsAre(DiskBitmap{"virtio0", "daily", true},
                                              DiskBitmap{"virtio0", "b0", false}));
  EXPECT_THAT(found.other_capabilities, ElementsAre("background-snapshot"));
  EXPECT_EQ(found.on, CapabilitySet{Capability::kMultifd});
  EXPECT_EQ(found.tls, "tls0");
  EXPECT_THAT(found.disk_jobs, ElementsAre(DiskJob{"nightly", "backup"}));
}

/// From the end of such a job until it is dismissed, QEMU 10.0.2 dies of that question.
TEST_P(Hypervisors, WhileADiskIsFetchedNobodyAsksForBlockNodes) {
  Json fetch = job("godwit-fetch-0", "running", 700);
  fetch["type"] = "stream";
  Json pull = job("pull-vda", "concluded", 700);
  pull["type"] = "stream";
  Json jobs = Json::array({fetch});
  fake.whenever("query-jobs", [&jobs](const Json&) -> Result<Json> { return jobs; });
  QmpHypervisor& vm = connect();
  EXPECT_TRUE(vm.describe());
  EXPECT_EQ(vm.rest_status().value(),
            (RestStatus{1, 1, "", Bytes(700), Bytes(1000), {{0, Bytes(700)}}}));
  EXPECT_TRUE(vm.fetch_rest(std::nullopt)) << "it is under way";
  for (const Json& one : {fetch, pull}) {
    jobs = Json::array({one});
    EXPECT_EQ(vm.drop_storage().error().code, ErrorCode::kBusy) << one;
  }
  (void)fake.finish();
  EXPECT_THAT(fake.commands(), ::testing::Not(Contains("query-named-block-nodes")));
}

TEST_P(Hypervisors, TriesPostcopyWhereItChangesNothing) {
  const auto set = [](bool on) {
    return Json{
        {"capabilities", Json::array({Json{{"capability", "postcopy-ram"}, {"state", on}},
                                      Json{{"capability", "x-ignore-shared"}, {"state", on}}})}};
  };
  fake.whenever("query-status",
                qmp::testing::captured_return(GetParam(), "query-status.inmigrate"));
  fake.expect("migrate-set-capabilities", set(true))
      .refuse("Postcopy is not compatible with ignore-shared");
  fake.expect("migrate-set-capabilities", set(true)).reply();
  fake.expect("migrate-set-capabilities", set(false)).reply();
  fake.expect("migrate-set-capabilities", set(true))
      .refuse("Postcopy is not supported: Userfaultfd not available");
  QmpHypervisor& vm = connect();
  EXPECT_TRUE(vm.try_postcopy()) << "it may, and nothing was set";
  EXPECT_TRUE(vm.try_postcopy()) << "a QEMU in which both go together";
  const auto refused = vm.try_postcopy();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("Userfaultfd not available"));
  EXPECT_THAT(fake.finish(), IsEmpty());
}

TEST_P(Hypervisors, AVmThatRunsIsNotTriedOut) {
  EXPECT_TRUE(connect().try_postcopy());
  EXPECT_THAT(fake.finish(), IsEmpty());
  EXPECT_THAT(fake.commands(), ::testing::Not(Contains("migrate-set-capabilities")));
}

/// A QEMU that does not print host addresses, with the given answers of its human monitor.
Result<RamLayout> layout_before_8(const std::map<std::string, std::string>& answers) {
  RealClock clock;
  FakeQmpServer fake(QemuVersion::k7_2);
  fake.greet().answer_as_captured();
  fake.whenever("human-monitor-command", [&](const Json& arguments) -> Result<Json> {
    const auto found = answers.find(arguments.at("command-line").get<std::string>());
    return Json(found == answers.end() ? "No memory is mapped there" : found->second);
  });
  fake.start();
  auto vm = QmpHypervisor::connect(fake.path(), clock, {Seconds(60), Seconds(60)}).value();
  return vm->ram_layout();
}

constexpr const char* kOldBlocks =
    "Block Name PSize Offset Used Total\r\n"
    "pc.ram 4 KiB 0x0 0x4000000 0x4000000\r\n"
    "pc.bios 4 KiB 0x0 0x40000 0x40000\r\n"
    "0000:00:02.0/vga.vram 4 KiB 0x0 0x1000000 0x1000000\r\n"
    "/rom@etc/acpi/tables 4 KiB 0x0 0x20000 0x200000\r\n"
    " 4 KiB 0x0 0x1000 0x1000\r\n"
    "empty 4 KiB 0x0 0x0 0x1000\r\n";
constexpr const char* kOldTree =
    "FlatView #0\r\n AS \"memory\", root: system\r\n Root memory region: system\r\n"
    "  0000000000000000-00000000000bffff (prio 0, ram): pc.ram\r\n"
    "  00000000000e0000-00000000000fffff (prio 0, rom): pc.bios @0000000000020000\r\n"
    "  00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram\r\n";

TEST(RamBefore8, IsFoundByWhatTheCpusSee) {
  const auto layout = layout_before_8(
      {{"info ramblock", kOldBlocks},
       {"info mtree -f", kOldTree},
       {"gpa2hva 0x0", "Host virtual address for 0x0 (pc.ram) is 0x7f1000000000\r\n"},
       {"gpa2hva 0xe0000", "Host virtual address for 0xe0000 (pc.bios) is 0x7f2000020000\r\n"},
       {"gpa2hva 0xfd000000",
        "Host virtual address for 0xfd000000 (vga.vram) is 0x7f3000000000\r\n"}});
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_THAT(layout->blocks,
              ElementsAre(RamBlock{"pc.ram", 64_MiB, 0x7f1000000000},
                          RamBlock{"pc.bios", 256_KiB, 0x7f2000000000},
                          RamBlock{"0000:00:02.0/vga.vram", 16_MiB, 0x7f3000000000}));
}

TEST(RamBefore8, WhatLiesSomewhereElseByNowIsLeftOut) {
  const auto layout = layout_before_8(
      {{"info ramblock", kOldBlocks},
       {"info mtree -f", kOldTree},
       {"gpa2hva 0x0", "Host virtual address for 0x0 (pc.ram) is 0x7f1000000000\r\n"},
       {"gpa2hva 0xfd000000", "Host virtual address for 0xfd000000 (other) is 0x1000\r\n"}});
  ASSERT_TRUE(layout) << layout.error().message;
  EXPECT_THAT(layout->blocks, ElementsAre(RamBlock{"pc.ram", 64_MiB, 0x7f1000000000}));
}

TEST(RamBefore8, WithoutTheLargestBlockThereIsNoLayout) {
  const auto layout = layout_before_8({{"info ramblock", kOldBlocks}, {"info mtree -f", kOldTree}});
  ASSERT_FALSE(layout);
  EXPECT_EQ(layout.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(layout.error().message, HasSubstr("pc.ram"));
}

INSTANTIATE_TEST_SUITE_P(Qemu, Hypervisors, ::testing::ValuesIn(qmp::testing::kQemuVersions),
                         qmp::testing::version_name);

}  // namespace
}  // namespace godwit::qemu
