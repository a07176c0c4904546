#include "godwit/libvirt/domain_xml.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace godwit::libvirt {
namespace {

constexpr const char* kDomain = R"(<domain type='kvm' id='3'><name>web 1</name>
<uuid>6b5a3c1e-7d20-4f2a-9c58-1f8a5c2e9d01</uuid>
<memory unit='KiB'>3145728</memory><currentMemory unit='KiB'>1048576</currentMemory>
<vcpu placement='static' current='2'>4</vcpu>
<os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type></os>
<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Nehalem</model>
<numa><cell id='0' cpus='0-1' memory='1048576' unit='KiB'/><cell id='1' cpus='2-3' memory='1' unit='GiB'/></numa></cpu>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/vm/a.qcow2'/>
<backingStore type='file'><format type='raw'/><source file='/vm/base'/></backingStore><target dev='vda' bus='virtio'/></disk>
<disk type='network' device='disk'><driver type='raw'/><source protocol='rbd' name='pool/b'/><target dev='vdb'/><shareable/></disk>
<disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>
<interface type='network'><source network='default'/></interface>
<interface type='bridge'><source bridge='br0'/></interface>
<hostdev mode='subsystem' type='pci'/>
<filesystem type='mount'><source dir='/a'/><target dir='tag'/></filesystem>
<filesystem type='mount'><driver type='virtiofs'/><target dir='fs'/></filesystem>
<memory model='dimm'><target><size unit='KiB'>1048576</size><node>0</node></target></memory>
</devices></domain>)";

TEST(DomainXml, TellsWhatAMigrationCaresFor) {
  const DomainFacts facts = parse_domain(kDomain).value();
  EXPECT_EQ(facts.name, "web 1");
  EXPECT_EQ(facts.uuid, "6b5a3c1e-7d20-4f2a-9c58-1f8a5c2e9d01");
  EXPECT_EQ(facts.type, "kvm");
  EXPECT_EQ(facts.machine, "pc-q35-10.0");
  EXPECT_EQ(facts.cpu_model, "Nehalem");
  EXPECT_TRUE(facts.cpu.starts_with("<cpu mode=\"custom\"")) << facts.cpu;
  EXPECT_EQ(facts.vcpus, 2);
  EXPECT_EQ(facts.memory, 3_GiB) << "what is plugged counts";
  EXPECT_EQ(facts.memory_blocks, (std::vector<Bytes>{1_GiB, 1_GiB, 1_GiB}));
  ASSERT_EQ(facts.disks.size(), 3U);
  EXPECT_EQ(facts.disks[0].disk.device, "vda");
  EXPECT_EQ(facts.disks[0].disk.file, "/vm/a.qcow2");
  EXPECT_TRUE(facts.disks[0].disk.has_backing);
  EXPECT_TRUE(facts.disks[0].disk.writable);
  EXPECT_EQ(facts.disks[1].disk.file, "rbd:pool/b");
  EXPECT_TRUE(facts.disks[1].shareable);
  EXPECT_FALSE(facts.disks[2].disk.writable);
  EXPECT_EQ(facts.networks, std::vector<std::string>{"default"});
  EXPECT_EQ(facts.host_devices, std::vector<std::string>{"pci"});
  EXPECT_EQ(facts.host_folders, std::vector<std::string>{"tag"}) << "virtiofs can be migrated";
}

TEST(DomainXml, MemoryWithoutNodesIsOneBlock) {
  const auto facts = parse_domain("<domain><memory unit='MiB'>192</memory></domain>").value();
  EXPECT_EQ(facts.memory_blocks, std::vector<Bytes>{192_MiB});
}

TEST(DomainXml, NonsenseIsNoDomain) {
  for (const char* text : {"", "<domain", "<network/>", "no xml"}) {
    const auto parsed = parse_domain(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kCorrupt);
  }
}

RC_GTEST_PROP(DomainXml, SizesAreBoundedWhateverTheyAre, (std::uint64_t number)) {
  const auto unit = *rc::gen::elementOf(std::vector<std::string>{"KiB", "b", "TiB", "PiB", "x"});
  const auto facts = parse_domain("<domain><memory unit='" + unit + "'>" + std::to_string(number) +
                                  "</memory></domain>");
  RC_ASSERT(facts->memory >= Bytes() && facts->memory <= kMostBytes);
}

TEST(DomainXml, AHostIsKnownByItsUuid) {
  EXPECT_EQ(host_uuid_of("<capabilities><host><uuid>abc</uuid></host></capabilities>"), "abc");
  EXPECT_EQ(host_uuid_of("<capabilities/>"), "");
}

}  // namespace
}  // namespace godwit::libvirt
