// What both sides must have in common, asked of the QEMU of this machine. Firmware has run on the
// source and not on the destination, as in every migration.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "real_qemu.h"

namespace godwit::qemu {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Arguments = std::vector<std::string>;

class RealInspection : public RealQemu {
 protected:
  static Arguments joined(Arguments arguments, const Arguments& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static Arguments waiting(const Arguments& arguments) {
    return joined(arguments, {"-incoming", "defer", "-monitor", "null"});
  }
  /// Before its firmware runs.
  Inspection inspect(const Arguments& arguments) {
    const Qemu qemu(joined({"-accel", "tcg", "-S"}, arguments));
    return connect(qemu)->inspect().value();
  }
  /// After its firmware has given every device its addresses: it hands over to a boot loader, of
  /// which there is none, and stands still.
  Inspection inspect_booted(const Arguments& arguments) {
    const Qemu qemu(joined({"-accel", "tcg"}, arguments));
    const auto vm = connect(qemu);
    const TimePoint deadline = clock.now() + kEnough;
    for (auto vcpus = vm->look_at_vcpus(); clock.now() < deadline; vcpus = vm->look_at_vcpus()) {
      if (vcpus && vcpus->front().halted) break;
      clock.wait_until(clock.now() + Seconds(0.05), {});
    }
    return vm->inspect().value();
  }
};

const Arguments kDevices{"-netdev",  "user,id=n0",
                         "-netdev",  "user,id=n1",
                         "-device",  "virtio-serial-pci,id=vs",
                         "-chardev", "null,id=c0",
                         "-device",  "virtconsole,chardev=c0",
                         "-drive",   "if=none,id=d0,file=null-co://,format=raw",
                         "-device",  "virtio-blk-pci,drive=d0",
                         "-drive",   "if=none,id=d1,file=null-co://,format=raw",
                         "-device",  "virtio-scsi-pci",
                         "-device",  "scsi-hd,drive=d1",
                         "-device",  "qemu-xhci",
                         "-device",  "usb-tablet",
                         "-device",  "usb-kbd",
                         "-vga",     "std",
                         "-device",  "virtio-balloon-pci",
                         "-device",  "virtio-rng-pci",
                         "-device",  "vmgenid",
                         "-device",  "intel-hda",
                         "-serial",  "null",
                         "-object",  "memory-backend-ram,id=mem1,size=64M",
                         "-device",  "pc-dimm,memdev=mem1,id=dimm1"};
const Arguments kQ35{"-M",      "q35",
                     "-m",      "64M,slots=4,maxmem=1G",
                     "-smp",    "2,maxcpus=4",
                     "-device", "pcie-root-port,id=rp1,chassis=1,slot=1",
                     "-device", "virtio-net-pci,netdev=n0,bus=rp1,romfile=",
                     "-device", "pcie-pci-bridge,id=br1",
                     "-device", "e1000,netdev=n1,bus=br1,addr=3,romfile="};
const Arguments kPc{"-M",      "pc",
                    "-m",      "64M,slots=4,maxmem=1G",
                    "-smp",    "2",
                    "-device", "pci-bridge,id=br1,chassis_nr=1",
                    "-device", "virtio-net-pci,netdev=n0,bus=br1,addr=3,romfile=",
                    "-device", "e1000,netdev=n1,romfile=",
                    "-drive",  "if=floppy"};

TEST_F(RealInspection, EqualCommandLinesAreEqualBehindBridgesToo) {
  for (const Arguments& machine : {kQ35, kPc}) {
    const Arguments arguments = joined(machine, kDevices);
    Inspection source = inspect_booted(arguments);
    const Inspection destination = inspect(waiting(arguments));
    for (VirtioShape& device : source.virtio) device.taken.clear();  // by the firmware's drivers
    EXPECT_EQ(source.devices, destination.devices);
    EXPECT_EQ(source.machine, destination.machine);
    EXPECT_EQ(source.ram_blocks, destination.ram_blocks);
    EXPECT_EQ(source, destination);
    EXPECT_GT(source.devices.size(), 40U);
    EXPECT_EQ(source.virtio.size(), 6U);
  }
}

/// Disks of every kind, two of each, each pair called crosswise when the names are. Sizes tell them
/// apart: MiB.
Arguments disks_called(const std::string& a, const std::string& b) {
  Arguments words{"-M",      "q35",
                  "-accel",  "tcg",
                  "-m",      "64M",
                  "-device", "pcie-root-port,id=p" + a + ",chassis=1,slot=1",
                  "-device", "pcie-root-port,id=p" + b + ",chassis=2,slot=2",
                  "-device", "virtio-scsi-pci,id=s" + a,
                  "-device", "qemu-xhci,id=u" + a};
  const auto null = [](const std::string& name, int size) {
    return fmt::format("if=none,id={},format=raw,file.driver=null-co,file.size={}", name,
                       size << 20);
  };
  const auto node = [](const std::string& name, int size) {
    return fmt::format("null-co,node-name={},size={}", name, size << 20);
  };
  for (const Arguments& more :
       {Arguments{"-drive", null("v" + a, 1), "-device", "virtio-blk-pci,drive=v" + a},
        Arguments{"-blockdev", node("n" + a, 2), "-device",
                  "virtio-blk-pci,id=d" + a + ",drive=n" + a + ",bus=p" + a},
        Arguments{"-blockdev", node("n" + b, 3), "-device",
                  "virtio-blk-pci,id=d" + b + ",drive=n" + b + ",bus=p" + b},
        Arguments{"-drive", null("h" + a, 4), "-device", "scsi-hd,drive=h" + a},
        Arguments{"-blockdev", node("k" + b, 5), "-device", "scsi-hd,drive=k" + b},
        Arguments{"-drive", null("i" + a, 6), "-device", "ide-hd,bus=ide.0,drive=i" + a},
        Arguments{"-device", "ide-cd,bus=ide.1,id=c" + a},
        Arguments{"-device", "ide-cd,bus=ide.2,id=c" + b},
        Arguments{"-drive", null("t" + a, 7), "-device", "usb-storage,drive=t" + a},
        Arguments{"-drive", null("t" + b, 8), "-device", "usb-storage,id=z" + b + ",drive=t" + b},
        Arguments{"-device", "isa-fdc,id=f" + a, "-device", "floppy,unit=1,id=y" + b}}) {
    words.insert(words.end(), more.begin(), more.end());
  }
  return words;
}

TEST_F(RealInspection, NamesThatAHostMayChooseDoNotMatter) {
  const auto with = [](const std::string& id) {
    return Arguments{
        "-M",      "q35",
        "-netdev", "user,id=net" + id,
        "-device", fmt::format("pcie-root-port,id=port{},chassis=1,slot=1", id),
        "-device", fmt::format("virtio-net-pci,netdev=net{0},bus=port{0},bootindex=1", id)};
  };
  Inspection one = inspect(with("1"));
  Inspection other = inspect(with("2"));
  for (auto* side : {&one, &other}) {
    for (DeviceShape& device : side->devices) device.id.clear();
  }
  EXPECT_EQ(one, other);
  // disks are known by their devices' places, whatever drives, nodes and devices are called
  const auto disks = [this](const std::string& a, const std::string& b) {
    const Qemu qemu(disks_called(a, b));
    const VmDescription vm = connect(qemu)->describe().value();
    std::map<std::string, Bytes> sizes;
    for (const Disk& disk : vm.disks) {
      sizes[disk.place] = disk.size.value_or(Bytes(0));
    }
    return sizes;
  };
  const auto here = disks("a", "b");
  EXPECT_EQ(here.size(), 11U);
  EXPECT_EQ(here.count(""), 0U);
  EXPECT_EQ(here, disks("b", "a"));
}

const Arguments kPlain{"-M", "pc", "-m", "64M"};

TEST_F(RealInspection, EachDifferenceShows) {
  const Inspection plain = inspect(kPlain);
  const auto with = [&](const Arguments& more) { return inspect(joined(kPlain, more)); };
  EXPECT_THAT(with({"-M", "pc,hpet=off"}).machine, Contains(Pair("hpet", "false")));
  EXPECT_THAT(with({"-smp", "1,maxcpus=4"}).machine, Contains(Pair("smp.maxcpus", "4")));
  EXPECT_THAT(with({"-m", "64M,slots=2,maxmem=1G"}).machine,
              Contains(Pair("memory.max-size", "1073741824")));
  const Inspection backend =
      with({"-object", "memory-backend-ram,id=ram0,size=64M", "-M", "pc,memory-backend=ram0"});
  EXPECT_EQ(backend.ram_blocks.count("ram0"), 1U);
  EXPECT_EQ(plain.ram_blocks.count("pc.ram"), 1U);
  EXPECT_EQ(backend.machine, plain.machine);
  for (const Arguments& more : {Arguments{"-serial", "null"}, Arguments{"-drive", "if=floppy"},
                                Arguments{"-device", "vmgenid"}, Arguments{"-M", "pc,usb=on"},
                                Arguments{"-device", "usb-ehci"}}) {
    EXPECT_GT(with(more).devices.size(), plain.devices.size()) << more.back();
  }
}

/// What shows of network cards that differ in one property each, all in one VM.
TEST_F(RealInspection, PropertiesOfDevicesShow) {
  const std::vector<std::string> seen{
      "mrg_rxbuf=off", "vectors=2",         "rx_queue_size=512",    "packed=on",
      "host_mtu=1400", "disable-legacy=on", "mac=52:54:00:00:00:01"};
  Arguments arguments = kPlain;
  const auto add = [&](const std::string& properties) {
    const std::string nic = "virtio-net-pci,mac=52:54:00:00:00:09,romfile=,";
    const std::string own = fmt::format("n{}", arguments.size());
    arguments.insert(arguments.end(), {"-netdev", "user,id=" + own, "-device",
                                       nic + "netdev=" + own + "," + properties});
  };
  add("bootindex=3,ioeventfd=off,x-txburst=8");  // the host's own
  add("ioeventfd=on");
  for (const std::string& properties : seen) add(properties);
  std::vector<std::map<std::string, std::string>> nics;
  for (const DeviceShape& device : inspect(arguments).devices) {
    if (device.type == "virtio-net-pci") nics.push_back(device.properties);
    if (device.type == "virtio-net-device")
      nics.back().insert(device.properties.begin(), device.properties.end());
  }
  ASSERT_EQ(nics.size(), seen.size() + 2);
  EXPECT_EQ(nics[0], nics[1]);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_NE(nics[i + 2], nics[0]) << seen[i];
}

TEST_F(RealInspection, FeaturesOfTheCpuShow) {
  const Arguments with{"-M", "pc", "-cpu", "max"};
  const Arguments without{"-M", "pc", "-cpu", "max,-smap"};
  EXPECT_NE(inspect(with).cpu.words, inspect(without).cpu.words);
  const Qemu one(with);
  const Qemu other(without);
  EXPECT_TRUE(connect(one)->cpu_features().value().at("smap"));
  EXPECT_FALSE(connect(other)->cpu_features().value().at("smap"));
  EXPECT_EQ(inspect({"-M", "pc", "-cpu", "Nehalem,model=30"}).cpu.properties.at("model"), "30");
}

/// What no word of CPUID has, and a model that is another name for the same.
TEST_F(RealInspection, FeaturesOfTheCpuThatNoWordHasShow) {
  const Inspection plain = inspect({"-M", "pc", "-cpu", "Nehalem"});
  for (const char* feature : {"pmu", "lmce", "hv-relaxed", "rdctl-no"}) {
    const auto with =
        inspect({"-M", "pc", "-cpu", fmt::format("Nehalem,{}=on,arch-capabilities=on", feature)});
    EXPECT_FALSE(plain.cpu.features.at(feature)) << feature;
    if (std::string(feature) == "rdctl-no") continue;  // emulation has none of these
    EXPECT_TRUE(with.cpu.features.at(feature)) << feature;
  }
  EXPECT_EQ(inspect({"-M", "pc", "-cpu", "Nehalem-v1"}), plain);
}

/// vCPUs are counted where they are, whether they were there at the start or plugged in since.
TEST_F(RealInspection, AVcpuThatIsPluggedInIsOneFromTheStart) {
  const Arguments plugged{"-M",      "pc",
                          "-smp",    "1,maxcpus=2",
                          "-device", "qemu64-x86_64-cpu,socket-id=0,core-id=1,thread-id=0,id=more"};
  EXPECT_EQ(inspect(plugged), inspect({"-M", "pc", "-smp", "2,maxcpus=2"}));
}

TEST_F(RealInspection, PluggedMemoryOfVirtioMemTravelsWithItsState) {
  const auto with = [](const std::string& size) {
    return Arguments{"-M",      "q35",
                     "-m",      "64M,maxmem=1G",
                     "-object", "memory-backend-ram,id=vmem,size=512M",
                     "-device", "virtio-mem-pci,memdev=vmem,id=vm0,requested-size=" + size};
  };
  EXPECT_EQ(inspect(with("64M")), inspect(with("0")));
}

TEST_F(RealInspection, WhatBlocksAMigrationIsToldBeforehand) {
  const Qemu qemu(joined(kPlain, {"-drive", "if=none,id=d0,file=null-co://,format=raw", "-device",
                                  "nvme,drive=d0,serial=x"}));
  const auto status = connect(qemu)->migration_status().value();
  EXPECT_THAT(status.blocked_by, Contains(HasSubstr("nvme")));
  EXPECT_EQ(status.phase, MigrationPhase::kNone);
}

TEST_F(RealInspection, DisksThatItServesAreNamed) {
  const Qemu qemu(joined(waiting(kPlain), {"-blockdev", "driver=null-co,node-name=d0,size=1048576",
                                           "-device", "virtio-blk-pci,drive=d0,id=disk"}));
  const auto vm = connect(qemu);
  EXPECT_THAT(vm->inspect().value().disk_exports, IsEmpty());
  const std::string device = vm->describe().value().disks.front().device;
  ASSERT_TRUE(vm->serve_storage("unix:" + qemu.file("in"), {device}));
  EXPECT_THAT(vm->inspect().value().disk_exports, testing::ElementsAre("godwit-disk-0"));
  ASSERT_TRUE(vm->drop_storage());
  EXPECT_THAT(vm->inspect().value().disk_exports, IsEmpty());
}

TEST_F(RealInspection, ADestinationThatListensSaysWhere) {
  const Qemu qemu(joined(kPlain, {"-incoming", "tcp:[::1]:0"}));
  const auto status = connect(qemu)->migration_status().value();
  EXPECT_EQ(status.phase, MigrationPhase::kSetup);
  EXPECT_THAT(status.listens_on, Contains(::testing::StartsWith("tcp:[::1]:")));
}

/// Not even for a moment is anything set: a Godwit that is killed then leaves nothing on.
TEST_F(RealInspection, PostcopyIsTriedWithoutATrace) {
  const Qemu qemu(waiting(kPlain));
  const auto vm = connect(qemu);
  const auto may = vm->try_postcopy();
  EXPECT_TRUE(may || may.error().code == ErrorCode::kRefused);
  EXPECT_THAT(vm->capabilities().value(), IsEmpty());
  EXPECT_EQ(vm->run_state().value(), RunState::kInmigrate);
}

}  // namespace
}  // namespace godwit::qemu
