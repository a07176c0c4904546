#include "godwit/preflight/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "godwit/control/settings.h"

namespace godwit::preflight {
namespace {

using testing::HasSubstr;

Inspection machine() {
  Inspection has;
  has.machine = {{"hpet", "true"}, {"smm", "auto"}, {"smp.maxcpus", "4"}};
  has.devices = {{"i440FX-pcihost", "i440FX-pcihost", "", {}},
                 {"virtio-net-pci", "i440FX-pcihost/02.0", "net0", {{"vectors", "4 (0x4)"}}},
                 {"virtio-net-device",
                  "i440FX-pcihost/02.0/virtio-net-device",
                  "",
                  {{"mq", "true"}, {"csum", "true"}}}};
  has.ram_blocks = {{"pc.ram", 256_MiB}, {"/rom@etc/acpi/tables", 2_MiB}};
  has.base_memory = 256_MiB;
  has.virtio = {{"virtio-net at 02.0", {"VIRTIO_NET_F_CSUM", "VIRTIO_F_VERSION_1"}, {}}};
  has.cpu.properties = {{"family", "6"}, {"phys-bits", "40"}};
  has.cpu.words = {{"CPUID 7.0 EBX", 0x100100}};
  has.uuid = "00000000-0000-0000-0000-000000000000";
  return has;
}

PreflightFacts good_facts() {
  VmDescription vm;
  vm.version = "10.0.2";
  vm.version_major = 10;
  vm.accelerator = "tcg";
  vm.machine = "pc-i440fx-10.0";
  vm.cpu_model = "qemu64";
  vm.vcpus = 1;
  vm.ram = 256_MiB;
  vm.disks = {{"virtio0", "/shared/disk.qcow2", "qcow2", true}};
  vm.can = {Capability::kEvents, Capability::kReturnPath, Capability::kPostcopyRam};
  vm.state = RunState::kRunning;
  vm.pid = 100;
  PreflightFacts facts;
  facts.source = facts.destination = vm;
  facts.source_has = facts.destination_has = machine();
  facts.memory_free_at_destination = 1_GiB;
  facts.destination.state = RunState::kInmigrate;
  facts.destination.pid = 101;
  return facts;
}

Error refused(const PreflightFacts& facts, const MigrationPlan& plan) {
  const auto result = check(facts, plan);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

Error refused(const PreflightFacts& facts, Technique technique = Technique::kPrecopy) {
  MigrationPlan plan;
  plan.technique = technique;
  return refused(facts, plan);
}

TEST(Preflight, ATrueTwinPasses) {
  EXPECT_TRUE(check(good_facts(), MigrationPlan{}));
}

TEST(Preflight, ADestinationThatIsTheSourceIsRefused) {
  auto facts = good_facts();
  facts.destination.pid = facts.source.pid;
  EXPECT_THAT(refused(facts).message, HasSubstr("destination is the source"));
}

TEST(Preflight, AVmThatMigratesAlreadyIsBusy) {
  auto facts = good_facts();
  facts.source_migration.phase = MigrationPhase::kActive;
  EXPECT_EQ(refused(facts).code, ErrorCode::kBusy);
  facts.source_migration.phase = MigrationPhase::kCancelled;
  EXPECT_TRUE(check(facts, MigrationPlan{})) << "one that ended is none";
}

TEST(Preflight, EveryDifferenceIsNamed) {
  const auto message_when = [](auto change) {
    auto facts = good_facts();
    change(facts.destination);
    return refused(facts).message;
  };
  EXPECT_THAT(message_when([](auto& d) { d.machine = "q35"; }), HasSubstr("machine type"));
  EXPECT_THAT(message_when([](auto& d) { d.vcpus = 2; }), HasSubstr("vCPUs"));
  EXPECT_THAT(message_when([](auto& d) { d.accelerator = "kvm"; }), HasSubstr("accelerator"));
  EXPECT_THAT(message_when([](auto& d) { d.disks.clear(); }), HasSubstr("disk.qcow2"));
  EXPECT_THAT(message_when([](auto& d) { d.state = RunState::kRunning; }), HasSubstr("running"));
}

/// What the message says when the destination's machine is not the source's.
std::string when_machine_differs(const std::function<void(Inspection&)>& change) {
  auto facts = good_facts();
  change(facts.destination_has);
  return refused(facts).message;
}

TEST(Preflight, EveryDifferenceOfTheMachineIsNamed) {
  EXPECT_THAT(when_machine_differs([](auto& d) { d.base_memory = 512_MiB; }),
              HasSubstr("memory size differs"));
  EXPECT_THAT(when_machine_differs([](auto& d) { d.machine["hpet"] = "false"; }),
              HasSubstr("hpet (true on the source, false on the destination)"));
  EXPECT_THAT(when_machine_differs([](auto& d) { d.machine["smp.maxcpus"] = "8"; }),
              HasSubstr("smp.maxcpus (4 on"));
  EXPECT_THAT(when_machine_differs([](auto& d) { d.machine["smm"] = "off"; }), HasSubstr("smm"));
  EXPECT_THAT(when_machine_differs([](auto& d) { d.cpu.properties["family"] = "15"; }),
              HasSubstr("the CPU's family"));
  EXPECT_THAT(when_machine_differs([](auto& d) { d.cpu.properties["phys-bits"] = "36"; }),
              HasSubstr("phys-bits"));
  EXPECT_THAT(when_machine_differs([](auto& d) {
                d.ram_blocks.erase("pc.ram");
                d.ram_blocks["ram0"] = 256_MiB;
              }),
              HasSubstr("no RAM block 'pc.ram' (it has ram0 instead)"));
  EXPECT_THAT(when_machine_differs([](auto& d) { d.ram_blocks["/rom@etc/acpi/tables"] = 1_MiB; }),
              HasSubstr("acpi/tables"));
}

TEST(Preflight, WhatOnlyOneSideHasIsADifferenceButOfVersions) {
  auto facts = good_facts();
  facts.destination_has.machine["memory.max-size"] = "1073741824";
  EXPECT_THAT(refused(facts).message, HasSubstr("memory.max-size (nothing on the source, 1073"));
  std::swap(facts.source_has, facts.destination_has);
  EXPECT_THAT(refused(facts).message, HasSubstr("memory.max-size (1073741824 on the source"));
  facts.destination.version = "11.0.0";
  EXPECT_TRUE(check(facts, MigrationPlan{}));
}

TEST(Preflight, WhatMeansTheSameIsNoDifference) {
  auto facts = good_facts();
  facts.destination.version = "11.0.0";
  facts.destination_has.machine["smm"] = "on";               // "auto" comes to that
  facts.destination_has.machine["only-newer"] = "true";      // that version shows more
  facts.destination_has.ram_blocks["more.rom"] = 1_MiB;      // nothing will be sent into it
  facts.destination_has.devices[1].id = "another-name";      // the guest never sees it
  facts.destination_has.devices[1].properties["new"] = "1";  // that version shows more
  EXPECT_TRUE(check(facts, MigrationPlan{}));
}

TEST(Preflight, EveryDifferenceOfDevicesIsNamed) {
  const auto only_there = when_machine_differs([](auto& d) {
    d.devices.push_back({"isa-serial", "PIIX3/isa-serial index=2", "", {}});
  });
  EXPECT_THAT(only_there, HasSubstr("only on the source []"));
  EXPECT_THAT(only_there, HasSubstr("only on the destination [isa-serial@PIIX3/isa-serial"));
  const auto moved = when_machine_differs([](auto& d) {
    d.devices[1].place = "i440FX-pcihost/03.0";
    d.devices[2].place = "i440FX-pcihost/03.0/virtio-net-device";
  });
  EXPECT_THAT(moved, HasSubstr("only on the source [virtio-net-pci net0@i440FX-pcihost/02.0]"));
  EXPECT_THAT(moved, testing::Not(HasSubstr("virtio-net-device"))) << "its part is not named again";
  EXPECT_THAT(when_machine_differs([](auto& d) { d.devices[2].properties["mq"] = "false"; }),
              HasSubstr("mq (true on the source, false on the destination)"));
}

TEST(Preflight, DevicesThatAreAlikeAreCounted) {
  const DeviceShape tablet{"usb-tablet", "i440FX-pcihost/04.0/port 1", "", {{"head", "0"}}};
  auto facts = good_facts();
  facts.source_has.devices.push_back(tablet);
  facts.source_has.devices.push_back(tablet);
  facts.destination_has.devices.push_back(tablet);
  EXPECT_THAT(refused(facts).message, HasSubstr("only on the source [usb-tablet"));
  facts.destination_has.devices.push_back(tablet);
  EXPECT_TRUE(check(facts, MigrationPlan{}));
}

TEST(Preflight, AnotherVersionMayBuildTheBoardOfOtherParts) {
  auto facts = good_facts();
  facts.destination_has.devices.push_back({"ps2-mouse", "ps2-mouse", "", {}});
  EXPECT_THAT(refused(facts).message, HasSubstr("ps2-mouse"));
  facts.destination.version = "11.0.0";
  EXPECT_TRUE(check(facts, MigrationPlan{}));
}

TEST(Preflight, FeaturesThatTheDestinationsCpuLacksAreNamed) {
  auto facts = good_facts();
  facts.destination_has.cpu.words["CPUID 7.0 EBX"] = 0x100;
  EXPECT_THAT(refused(facts).message, HasSubstr("CPUID 7.0 EBX bits 0x100000"));
  facts.source_has.cpu.features = {{"smap", true}, {"smep", true}, {"lm", false}};
  facts.destination_has.cpu.features = {{"smap", false}, {"smep", true}, {"lm", false}};
  EXPECT_THAT(refused(facts).message, HasSubstr("lacks what the guest's has: smap"));
  std::swap(facts.source_has.cpu, facts.destination_has.cpu);
  const auto warnings = check(facts, MigrationPlan{});
  ASSERT_TRUE(warnings) << "more than the guest knows of harms nobody";
  EXPECT_THAT(*warnings, testing::Contains(HasSubstr("smap")));
}

TEST(Preflight, AModelIsANameForFeatures) {
  auto facts = good_facts();
  facts.source.cpu_model = "host-x86_64-cpu";
  facts.destination.cpu_model = "Nehalem-x86_64-cpu";
  const auto warnings = check(facts, MigrationPlan{});
  ASSERT_TRUE(warnings) << warnings.error().message;
  EXPECT_THAT(*warnings, testing::Contains(HasSubstr("the CPU model differs by name: host")));
  facts.destination_has.cpu.words["CPUID 7.0 EBX"] = 0x100;
  EXPECT_THAT(refused(facts).message, HasSubstr("lacks what the guest's has"));
  facts.source_has.cpu.words.clear();
  facts.destination_has.cpu.words.clear();
  EXPECT_THAT(refused(facts).message, HasSubstr("CPU model")) << "nobody tells their features";
}

TEST(Preflight, FeaturesThatNoWordShowsAreComparedToo) {
  for (const char* name : {"vmx-ept", "pmu", "lmce", "rdctl-no", "hv-relaxed"}) {
    auto facts = good_facts();
    facts.source_has.cpu.features = {{name, true}, {"kvm", true}};
    facts.destination_has.cpu.features = {{name, false}, {"kvm", true}};
    EXPECT_THAT(refused(facts).message, testing::EndsWith(name));
    std::swap(facts.source_has.cpu, facts.destination_has.cpu);
    EXPECT_TRUE(check(facts, MigrationPlan{})) << "more harms nobody";
  }
}

TEST(Preflight, WhereFeaturesHaveNoBitsTheirNamesDecide) {
  auto facts = good_facts();
  facts.source_has.cpu.words.clear();
  facts.destination_has.cpu.words.clear();
  facts.source_has.cpu.features = {{"pmu", true}, {"sve", true}};
  facts.destination_has.cpu.features = {{"pmu", true}, {"sve", false}};
  EXPECT_THAT(refused(facts).message, HasSubstr("sve"));
}

TEST(Preflight, WhatTheGuestsDriverUsesMustBeOffered) {
  auto facts = good_facts();
  facts.destination_has.virtio.front().offered = {"VIRTIO_F_VERSION_1"};
  EXPECT_TRUE(check(facts, MigrationPlan{})) << "no driver uses anything yet";
  facts.source_has.virtio.front().taken = {"VIRTIO_F_VERSION_1", "VIRTIO_NET_F_CSUM"};
  EXPECT_THAT(refused(facts).message, HasSubstr("VIRTIO_NET_F_CSUM"));
}

/// Two root buses may use the same addresses.
TEST(Preflight, VirtioDevicesWhoseNamesDoNotTellThemApartAreNotCompared) {
  auto facts = good_facts();
  facts.source_has.virtio = {{"virtio-net at 02.0", {}, {"VIRTIO_NET_F_CSUM"}},
                             {"virtio-net at 02.0", {}, {}}};
  facts.destination_has.virtio = {{"virtio-net at 02.0", {}, {}},
                                  {"virtio-net at 02.0", {"VIRTIO_NET_F_CSUM"}, {}}};
  EXPECT_TRUE(check(facts, MigrationPlan{}));
}

// --- what somebody has set up ---

TEST(Preflight, WhatBlocksAMigrationIsSaidInQemusWords) {
  for (const bool at_source : {true, false}) {
    auto facts = good_facts();
    auto& side = at_source ? facts.source_migration : facts.destination_migration;
    side.blocked_by = {"non-migratable device: 0000:00:02.0/nvme"};
    EXPECT_THAT(refused(facts).message, HasSubstr("non-migratable device: 0000:00:02.0/nvme"));
    EXPECT_THAT(refused(facts).message, HasSubstr(at_source ? "source" : "destination"));
  }
}

/// A VM that answers as these facts say, and can do nothing else.
class AskedVm final : public Hypervisor {
 public:
  AskedVm(VmDescription about, MigrationStatus status)
      : about_(std::move(about)), status_(std::move(status)) {}
  int inspections = 0;

  Result<VmDescription> describe() override { return about_; }
  Result<MigrationStatus> migration_status() override { return status_; }
  Result<Inspection> inspect() override {
    ++inspections;
    return machine();
  }
  Result<RamLayout> ram_layout() override { return unexpected(); }
  Result<RunState> run_state() override { return unexpected(); }
  Result<CapabilitySet> capabilities() override { return unexpected(); }
  Result<void> set_capabilities(const CapabilitySet&, const CapabilitySet&) override {
    return unexpected();
  }
  Result<MigrationParameters> parameters() override { return unexpected(); }
  Result<void> set_parameters(const MigrationParameters&) override { return unexpected(); }
  Result<void> listen(const std::string&) override { return unexpected(); }
  Result<void> migrate(const std::string&) override { return unexpected(); }
  Result<void> start_postcopy() override { return unexpected(); }
  Result<void> cancel() override { return unexpected(); }
  Result<void> pause() override { return unexpected(); }
  Result<void> resume() override { return unexpected(); }
  Result<void> quit() override { return unexpected(); }
  Result<std::optional<HypervisorEvent>> next_event(TimePoint) override { return unexpected(); }

 private:
  static tl::unexpected<Error> unexpected() { return fail(ErrorCode::kRefused, "not asked for"); }

  VmDescription about_;
  MigrationStatus status_;
};

TEST(Preflight, DevicesOfAVmThatCannotBeMovedAreNotAsked) {
  auto facts = good_facts();
  AskedVm destination(facts.destination, facts.destination_migration);
  AskedVm movable(facts.source, facts.source_migration);
  ASSERT_TRUE(gather_facts(movable, destination));
  EXPECT_EQ(movable.inspections + destination.inspections, 2);
  facts.source_migration.blocked_by = {"non-migratable device: 0000:00:02.0/vhost-user-scsi"};
  AskedVm blocked(facts.source, facts.source_migration);
  const auto refusal = gather_facts(blocked, destination);
  ASSERT_FALSE(refusal);
  EXPECT_THAT(refusal.error().message, HasSubstr("vhost-user-scsi"));
  EXPECT_EQ(refusal.error().message, refused(facts).message);
  EXPECT_EQ(blocked.inspections, 0);
  EXPECT_EQ(destination.inspections, 1);
}

TEST(Preflight, BlockJobsAndLostBitmapsAreNamed) {
  auto facts = good_facts();
  facts.source_has.disk_jobs = {{"nightly", "backup"}};
  EXPECT_EQ(refused(facts).code, ErrorCode::kBusy);
  EXPECT_THAT(refused(facts).message, HasSubstr("backup 'nightly'"));
  facts = good_facts();
  facts.source_has.disk_bitmaps = {{.disk = "virtio0", .name = "b0"}};
  EXPECT_THAT(refused(facts).message, HasSubstr("virtio0/b0"));
  facts.source_has.other_capabilities = {"dirty-bitmaps"};
  EXPECT_THAT(refused(facts).message, HasSubstr("virtio0/b0")) << "both must have it on";
  facts.destination_has.other_capabilities = {"dirty-bitmaps"};
  EXPECT_TRUE(check(facts, MigrationPlan{}));
}

TEST(Preflight, ABitmapThatItsImageKeepsIsLostWhereTheDiskMoves) {
  auto facts = good_facts();
  ASSERT_FALSE(facts.source.disks.empty());
  const std::string disk = facts.source.disks.front().device;
  facts.source_has.disk_bitmaps = {{.disk = disk, .name = "daily", .in_image = true}};
  facts.same_file[disk] = true;
  EXPECT_TRUE(check(facts, MigrationPlan{})) << "the destination opens the same image";
  facts.same_file[disk] = false;
  MigrationPlan plan;
  plan.technique.storage = true;
  for (auto* side : {&facts.source, &facts.destination}) {
    for (const Capability needed : control::settings_for(plan).on) side->can.insert(needed);
  }
  EXPECT_THAT(refused(facts, plan).message, HasSubstr(disk + "/daily"));
  for (auto* side : {&facts.source_has, &facts.destination_has}) {
    side->other_capabilities = {"dirty-bitmaps"};
  }
  EXPECT_TRUE(check(facts, plan));
}

/// Facts and a plan by which a quarter of the disk is copied beforehand.
std::pair<PreflightFacts, MigrationPlan> a_share() {
  auto facts = good_facts();
  MigrationPlan plan;
  plan.technique.storage = true;
  plan.parameters.precopy_storage = Ratio(0.25);
  facts.source.disks = {{"disk0", "/here/disk", "raw", true}};
  facts.source.disks.front().size = 64_MiB;
  facts.destination.disks = {{"disk0", "/there/disk.qcow2", "qcow2", true}};
  Disk& there = facts.destination.disks.front();
  there.size = 64_MiB;
  there.image_version = "0.10";
  there.cluster = Bytes(65536);
  facts.same_file["disk0"] = false;
  for (auto* side : {&facts.source, &facts.destination}) {
    for (const Capability needed : control::settings_for(plan).on) side->can.insert(needed);
  }
  return {facts, plan};
}

TEST(Preflight, AShareOfADiskIsCopiedIntoAnEmptyImageOnly) {
  const auto refusal = [](const std::function<void(PreflightFacts&)>& change) {
    auto [facts, plan] = a_share();
    change(facts);
    return refused(facts, plan).message;
  };
  const auto [facts, plan] = a_share();
  EXPECT_TRUE(check(facts, plan));
  const auto there = [](PreflightFacts& f) -> Disk& { return f.destination.disks.front(); };
  EXPECT_THAT(refusal([&](auto& f) { there(f).size = 32_MiB; }), HasSubstr("size of disk disk0"));
  EXPECT_THAT(refusal([&](auto& f) { there(f).format = "raw"; }), HasSubstr("is raw"));
  EXPECT_THAT(refusal([&](auto& f) { there(f).has_backing = true; }), HasSubstr("backing file"));
  EXPECT_THAT(refusal([&](auto& f) { there(f).image_version = "1.1"; }), HasSubstr("compat=1.1"));
  EXPECT_THAT(refusal([&](auto& f) { there(f).cluster = 1_MiB; }), HasSubstr("1048576"));
  EXPECT_THAT(refusal([&](auto& f) { there(f).allocated = 512_KiB; }),
              HasSubstr("holds data at the destination already: its image takes"));
}

/// Measured of images of compat=0.10: as qemu-img 7.2 makes them, and one of which all had been
/// written and discarded again; and the most that can be.
TEST(Preflight, AnImageThatHoldsNothingTakesAShare) {
  for (const auto& [size, takes] :
       {std::pair(64_MiB, 196_KiB), std::pair(64_MiB, 260_KiB), std::pair(64_MiB, 384_KiB),
        std::pair(1024_GiB, 208_KiB), std::pair(1024_GiB, 128_MiB)}) {
    auto [facts, plan] = a_share();
    for (VmDescription* side : {&facts.source, &facts.destination}) {
      side->disks.front().size = size;
    }
    facts.destination.disks.front().allocated = takes;
    EXPECT_TRUE(check(facts, plan)) << size.count() << ", " << takes.count();
  }
}

TEST(Preflight, WhatIsInTheWayOfAShareIsNamed) {
  const auto refusal = [](const std::function<void(PreflightFacts&)>& change) {
    auto [facts, plan] = a_share();
    change(facts);
    return refused(facts, plan).message;
  };
  EXPECT_THAT(refusal([](auto& f) { f.source.version_major = 9; }), HasSubstr("on the source"));
  EXPECT_THAT(refusal([](auto& f) { f.destination.version_major = 9; }),
              HasSubstr("on the destination"));
  EXPECT_THAT(refusal([](auto& f) { f.source_has.disk_exports = {"godwit-rest-0"}; }),
              HasSubstr("source's QEMU serves disks by NBD already (export 'godwit-rest-0')"));
  EXPECT_THAT(refusal([](auto& f) { f.destination_has.disk_exports = {"x"}; }),
              HasSubstr("destination's QEMU serves disks"));
  EXPECT_THAT(refusal([](auto& f) { f.source_has.tls = f.destination_has.tls = "tls0"; }),
              HasSubstr("encrypted"));
  EXPECT_THAT(refusal([](auto& f) { f.source_has.other_capabilities = {"dirty-bitmaps"}; }),
              HasSubstr("dirty-bitmaps"));
  for (const char* type : {"backup", "mirror", "commit"}) {
    EXPECT_THAT(refusal([type](auto& f) {
                  f.source_has.disk_jobs = {{"nightly", type}};
                }),
                HasSubstr(std::string(type) + " 'nightly'"));
  }
}

TEST(Preflight, CapabilitiesThatGodwitDoesNotKnowAreRefusedByName) {
  for (const bool at_source : {true, false}) {
    for (const char* name : {"background-snapshot", "x-ignore-shared", "mapped-ram", "x-colo",
                             "one-of-the-future", "zero-copy-send"}) {
      auto facts = good_facts();
      (at_source ? facts.source_has : facts.destination_has).other_capabilities = {name};
      EXPECT_THAT(refused(facts).message, HasSubstr(name));
    }
    auto facts = good_facts();
    (at_source ? facts.source_has : facts.destination_has).other_capabilities = {
        "dirty-bitmaps", "late-block-activate", "release-ram", "postcopy-blocktime"};
    EXPECT_TRUE(check(facts, MigrationPlan{}));
  }
}

TEST(Preflight, ZeroCopyGoesWithMultifdAlone) {
  auto facts = good_facts();
  for (auto* side : {&facts.source, &facts.destination}) side->can.insert(Capability::kMultifd);
  facts.source_has.other_capabilities = {"zero-copy-send"};
  MigrationPlan plan;
  plan.technique = Technique::kMultifd;
  EXPECT_TRUE(check(facts, plan));
  plan.technique.throttle = Throttle::kAutoConverge;
  for (auto* side : {&facts.source, &facts.destination}) {
    side->can.insert(Capability::kAutoConverge);
  }
  EXPECT_TRUE(check(facts, plan));
  EXPECT_THAT(refused(facts).message, HasSubstr("zero-copy-send"));
  EXPECT_THAT(refused(facts, Technique::kMultifdZstd).message, HasSubstr("zero-copy-send"));
}

TEST(Preflight, AUuidMustAgreeOnlyWhereItIsValidated) {
  auto facts = good_facts();
  facts.destination_has.uuid = "11111111-1111-1111-1111-111111111111";
  facts.destination_has.other_capabilities = {"validate-uuid"};
  EXPECT_TRUE(check(facts, MigrationPlan{})) << "the source does not send it";
  facts.source_has.other_capabilities = {"validate-uuid"};
  EXPECT_THAT(refused(facts).message, HasSubstr("UUID differs"));
}

TEST(Preflight, TlsOnOneSideIsRefused) {
  for (const bool at_source : {true, false}) {
    auto facts = good_facts();
    (at_source ? facts.source_has : facts.destination_has).tls = "tls0";
    EXPECT_THAT(refused(facts).message, HasSubstr(at_source ? "source only" : "destination only"));
  }
  auto facts = good_facts();
  facts.source_has.tls = "tls0";
  facts.destination_has.tls = "another-name";
  EXPECT_TRUE(check(facts, MigrationPlan{}));
}

/// Both can do all; the destination was started with -incoming tcp:….
PreflightFacts listening() {
  auto facts = good_facts();
  for (auto* side : {&facts.source, &facts.destination}) {
    side->can.insert({Capability::kMultifd, Capability::kPostcopyPreempt});
  }
  facts.destination_migration.phase = MigrationPhase::kSetup;
  facts.destination_migration.listens_on = {"tcp:10.0.0.2:4444"};
  return facts;
}

TEST(Preflight, ADestinationThatListensIsUsedForWhatItCanStillDo) {
  auto facts = listening();
  EXPECT_TRUE(check(facts, MigrationPlan{}));
  EXPECT_THAT(refused(facts, Technique::kMultifd).message, HasSubstr("'multifd' off"));
  EXPECT_FALSE(common_abilities(facts).contains(Capability::kMultifd));
  EXPECT_TRUE(common_abilities(facts).contains(Capability::kPostcopyRam));
  MigrationPlan plan;
  plan.technique = Technique::kPostcopy;
  EXPECT_TRUE(check(facts, plan));
  plan.parameters.postcopy_preempt = true;
  const auto preempt = check(facts, plan);
  ASSERT_FALSE(preempt);
  EXPECT_THAT(preempt.error().message, HasSubstr("postcopy-preempt"));
  facts.destination_has.on = {Capability::kMultifd};
  plan.technique = Technique::kMultifd;
  EXPECT_TRUE(check(facts, plan)) << "it was started so";
  EXPECT_THAT(refused(facts).message, HasSubstr("'multifd' on"));
  facts.destination_migration.listens_on.clear();  // -incoming exec:…
  EXPECT_THAT(refused(facts).message, HasSubstr("does not say at which address"));
}

TEST(Preflight, ADestinationThatIsSpentIsRefused) {
  auto facts = good_facts();
  for (const auto phase : {MigrationPhase::kActive, MigrationPhase::kFailed}) {
    facts.destination_migration.phase = phase;
    EXPECT_THAT(refused(facts).message, HasSubstr("has had a migration already"));
  }
}

TEST(Preflight, PostcopyThatTheDestinationMayNotDoIsRefusedWithItsReason) {
  auto facts = good_facts();
  facts.no_postcopy = "Userfaultfd not available: Operation not permitted";
  const Error error = refused(facts, Technique::kPostcopy);
  EXPECT_EQ(error.code, ErrorCode::kEnvironment);
  EXPECT_THAT(error.message, HasSubstr("Userfaultfd not available"));
  EXPECT_TRUE(check(facts, MigrationPlan{}));
  EXPECT_FALSE(common_abilities(facts).contains(Capability::kPostcopyRam));
}

TEST(Preflight, AVmThatStandsStillMovesOrIsRefusedByQemusOwnWord) {
  auto facts = good_facts();
  for (const auto state : {RunState::kPaused, RunState::kPrelaunch, RunState::kSuspended}) {
    facts.source.state = state;
    EXPECT_TRUE(check(facts, MigrationPlan{})) << to_string(state);
  }
  facts.source.state_name = "suspended";
  facts.source.version_major = 8;
  facts.source.accelerator = facts.destination.accelerator = "kvm";
  EXPECT_THAT(refused(facts).message, HasSubstr("suspended"));
  for (const auto& [state, word] :
       std::map<RunState, std::string>{{RunState::kIoError, "io-error"},
                                       {RunState::kBroken, "guest-panicked"},
                                       {RunState::kShutdown, "shutdown"},
                                       {RunState::kOther, "watchdog"}}) {
    facts.source.state = state;
    facts.source.state_name = word;
    EXPECT_THAT(refused(facts).message, HasSubstr(word));
  }
  facts.source.state = RunState::kIoError;
  EXPECT_THAT(refused(facts).what_to_do, HasSubstr("cont"));
}

// --- disks ---

/// Each side has a file of its own.
PreflightFacts own_disks() {
  PreflightFacts facts = good_facts();
  for (VmDescription* vm : {&facts.source, &facts.destination}) {
    vm->can.insert(Capability::kPauseBeforeSwitchover);
    vm->disks.front().size = 1_GiB;
  }
  facts.destination.disks.front().file = "/there/disk.qcow2";
  return facts;
}

Result<Warnings> preflight_with_storage(const PreflightFacts& facts) {
  MigrationPlan plan;
  plan.technique.storage = true;
  return check(facts, plan);
}

Error refused_with_storage(const PreflightFacts& facts) {
  const auto result = preflight_with_storage(facts);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

TEST(Preflight, DisksOfOnesOwnMoveOnlyWithStorage) {
  EXPECT_TRUE(preflight_with_storage(own_disks()));
  const Error without = refused(own_disks());
  EXPECT_THAT(without.message, HasSubstr("disks differ"));
  EXPECT_THAT(without.what_to_do, HasSubstr("+storage"));
}

TEST(Preflight, FilesCountAndNotTheirNamesWhereTheyAreKnown) {
  auto facts = own_disks();
  facts.destination.disks = facts.source.disks;
  facts.same_file["virtio0"] = false;  // one name, in two mounts
  EXPECT_THAT(refused(facts).message, HasSubstr("disks differ"));
  EXPECT_TRUE(preflight_with_storage(facts));
  facts = own_disks();
  facts.same_file["virtio0"] = true;  // two names of one file
  EXPECT_TRUE(check(facts, MigrationPlan{}));
  const Error with = refused_with_storage(facts);
  EXPECT_EQ(with.code, ErrorCode::kBadInput);
  EXPECT_THAT(with.what_to_do, HasSubstr("leave +storage out"));
}

TEST(Preflight, ADiskThatCannotTakeTheOthersContentIsRefused) {
  auto facts = own_disks();
  for (const Bytes size : {1_GiB - Bytes(512), 2_GiB}) {
    facts.destination.disks.front().size = size;
    EXPECT_THAT(refused_with_storage(facts).message, HasSubstr("size of disk virtio0 differs"));
  }
  facts.destination.disks.front().size.reset();
  EXPECT_TRUE(preflight_with_storage(facts)) << "what is not known is QEMU's to find out";
  facts.destination.disks.front().writable = false;
  EXPECT_THAT(refused_with_storage(facts).message, HasSubstr("cannot be written"));
  facts.destination.disks.front().device = "virtio1";
  EXPECT_THAT(refused_with_storage(facts).message, HasSubstr("disks differ"));
}

TEST(Preflight, WhatIsOnlyReadDoesNotMove) {
  auto facts = own_disks();
  const Disk rom{"ide0", "/iso/install.iso", "raw", false};
  facts.source.disks.push_back(rom);
  facts.destination.disks.insert(facts.destination.disks.begin(), rom);
  EXPECT_TRUE(preflight_with_storage(facts));
  facts.destination.disks.front().file = "/iso/other.iso";
  EXPECT_THAT(refused_with_storage(facts).message, HasSubstr("other.iso"));
  facts.source.disks = facts.destination.disks = {rom};
  EXPECT_THAT(refused_with_storage(facts).message, HasSubstr("no disk that it can write"));
}

TEST(Preflight, DisksNeedRoomBesideTheStream) {
  auto facts = own_disks();
  for (const std::string& narrow :
       {std::string("tcp:10.0.0.2:65535"), "unix:/run/" + std::string(98, 'x')}) {
    facts.listen = facts.stream = narrow;
    EXPECT_THAT(refused_with_storage(facts).message, HasSubstr("no room for the disks"));
    facts.listen = "tcp:10.0.0.2:4444";
    EXPECT_THAT(refused_with_storage(facts).message, HasSubstr("no room for the disks"))
        << "as the source reaches it";
    facts.stream = facts.listen;
    EXPECT_TRUE(preflight_with_storage(facts));
  }
}

TEST(Preflight, StorageNeedsAPauseBeforeTheSwitchover) {
  auto facts = own_disks();
  facts.source.can.erase(Capability::kPauseBeforeSwitchover);
  const Error error = refused_with_storage(facts);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("precopy+storage"));
}

TEST(Preflight, MemoryAndAbilitiesAreChecked) {
  auto facts = good_facts();
  facts.memory_free_at_destination = 100_MiB;
  EXPECT_EQ(refused(facts).code, ErrorCode::kEnvironment);
  facts = good_facts();
  facts.destination.can.erase(Capability::kPostcopyRam);
  EXPECT_EQ(refused(facts, Technique::kPostcopy).code, ErrorCode::kUnsupported);
  EXPECT_EQ(refused(good_facts(), Technique::kMultifd).code, ErrorCode::kUnsupported);
}

TEST(Preflight, OldEmulationIsRefusedWhateverTheTechnique) {
  auto facts = good_facts();
  facts.source.version_major = facts.destination.version_major = 7;
  for (const Technique technique : kLivePresets) {
    MigrationPlan plan;
    plan.technique = technique;
    const auto verdict = check(facts, plan);
    ASSERT_FALSE(verdict) << to_string(technique);
    EXPECT_THAT(verdict.error().message, testing::HasSubstr("corrupt")) << to_string(technique);
  }
  facts.source.accelerator = facts.destination.accelerator = "kvm";
  EXPECT_TRUE(check(facts, MigrationPlan{}));
}

TEST(Preflight, WhatQemuCannotCombineIsRefusedByName) {
  auto facts = good_facts();
  for (auto* side : {&facts.source, &facts.destination}) side->can.insert(Capability::kMultifd);
  const Error never = refused(facts, parse_technique("multifd+xbzrle").value());
  EXPECT_EQ(never.code, ErrorCode::kBadInput);
  const Technique later = parse_technique("multifd+postcopy").value();
  const Error error = refused(facts, later);
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("multifd+postcopy"));
  EXPECT_THAT(error.what_to_do, HasSubstr("update QEMU"));
  facts.source.version_minor = 1;
  EXPECT_THAT(refused(facts, later).message, HasSubstr("10.1")) << "the destination's is older";
  facts.destination.version_minor = 1;
  MigrationPlan plan;
  plan.technique = later;
  EXPECT_TRUE(check(facts, plan));
}

}  // namespace
}  // namespace godwit::preflight
