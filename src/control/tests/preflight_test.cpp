#include "godwit/control/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "godwit/control/settings.h"

namespace godwit::control {
namespace {

using testing::HasSubstr;

PreflightFacts good_facts() {
  VmDescription vm;
  vm.version = "10.0.2";
  vm.version_major = 10;
  vm.accelerator = "tcg";
  vm.machine = "pc-i440fx-10.0";
  vm.cpu_model = "qemu64";
  vm.vcpus = 1;
  vm.ram = 256_MiB;
  vm.devices = {"virtio-net-pci@net0"};
  vm.disks = {{"virtio0", "/shared/disk.qcow2", "qcow2", true}};
  vm.can = {Capability::kEvents, Capability::kReturnPath, Capability::kPostcopyRam};
  vm.state = RunState::kRunning;
  vm.pid = 100;
  PreflightFacts facts{vm, vm, MigrationPhase::kNone, 1_GiB};
  facts.destination.state = RunState::kInmigrate;
  facts.destination.pid = 101;
  return facts;
}

Error refused(const PreflightFacts& facts, Technique technique = Technique::kPrecopy) {
  MigrationPlan plan;
  plan.technique = technique;
  const auto result = preflight(facts, plan);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

TEST(Preflight, ATrueTwinPasses) {
  EXPECT_TRUE(preflight(good_facts(), MigrationPlan{}));
}

TEST(Preflight, ADestinationThatIsTheSourceIsRefused) {
  auto facts = good_facts();
  facts.destination.pid = facts.source.pid;
  EXPECT_THAT(refused(facts).message, HasSubstr("destination is the source"));
}

TEST(Preflight, AVmThatMigratesAlreadyIsBusy) {
  auto facts = good_facts();
  facts.source_phase = MigrationPhase::kActive;
  EXPECT_EQ(refused(facts).code, ErrorCode::kBusy);
  facts.source_phase = MigrationPhase::kCancelled;
  EXPECT_TRUE(preflight(facts, MigrationPlan{})) << "one that ended is none";
}

TEST(Preflight, EveryDifferenceIsNamed) {
  const auto message_when = [](auto change) {
    auto facts = good_facts();
    change(facts.destination);
    return refused(facts).message;
  };
  EXPECT_THAT(message_when([](auto& d) { d.ram = 512_MiB; }), HasSubstr("memory size differs"));
  EXPECT_THAT(message_when([](auto& d) { d.machine = "q35"; }), HasSubstr("machine type"));
  EXPECT_THAT(message_when([](auto& d) { d.cpu_model = "max"; }), HasSubstr("CPU model"));
  EXPECT_THAT(message_when([](auto& d) { d.vcpus = 2; }), HasSubstr("vCPUs"));
  EXPECT_THAT(message_when([](auto& d) { d.accelerator = "kvm"; }), HasSubstr("accelerator"));
  EXPECT_THAT(message_when([](auto& d) { d.devices = {"e1000@net0"}; }), HasSubstr("e1000@net0"));
  EXPECT_THAT(message_when([](auto& d) { d.disks.clear(); }), HasSubstr("disk.qcow2"));
  EXPECT_THAT(message_when([](auto& d) { d.state = RunState::kRunning; }), HasSubstr("running"));
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

Result<void> preflight_with_storage(const PreflightFacts& facts) {
  MigrationPlan plan;
  plan.storage = true;
  return preflight(facts, plan);
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
  EXPECT_TRUE(preflight(facts, MigrationPlan{}));
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
  for (const Technique technique : kAllTechniques) {
    MigrationPlan plan;
    plan.technique = technique;
    const auto verdict = preflight(facts, plan);
    ASSERT_FALSE(verdict) << to_string(technique);
    EXPECT_THAT(verdict.error().message, testing::HasSubstr("corrupt")) << to_string(technique);
  }
  facts.source.accelerator = facts.destination.accelerator = "kvm";
  EXPECT_TRUE(preflight(facts, MigrationPlan{}));
}

TEST(Settings, AreExactlyTheTechnique) {
  MigrationPlan plan;
  plan.technique = Technique::kHybrid;
  plan.parameters.max_bandwidth = 40_MB_per_s;
  const Settings hybrid = settings_for(plan);
  EXPECT_EQ(hybrid.on, (CapabilitySet{Capability::kEvents, Capability::kReturnPath,
                                      Capability::kPostcopyRam}));
  EXPECT_TRUE(hybrid.off.contains(Capability::kXbzrle));
  EXPECT_EQ(hybrid.parameters.max_postcopy_bandwidth, 40_MB_per_s);
  plan.parameters.postcopy_preempt = true;
  EXPECT_TRUE(settings_for(plan).on.contains(Capability::kPostcopyPreempt));
  plan.technique = Technique::kMultifdZstd;
  EXPECT_TRUE(settings_for(plan).off.contains(Capability::kPostcopyPreempt));
  EXPECT_EQ(settings_for(plan).parameters.multifd_compression, "zstd");
}

}  // namespace
}  // namespace godwit::control
