#include "godwit/hmp/qtree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "source_tree.h"

namespace godwit::hmp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

/// A NIC behind a root port, a tablet on a USB bus and two disks on the second bus of an AHCI
/// controller, with what a firmware and a host add.
constexpr const char* kTree =
    "bus: main-system-bus\r\n"
    "  type System\r\n"
    "  dev: hpet, id \"\"\r\n"
    "    gpio-in \"\" 2\r\n"
    "    timers = 3 (0x3)\r\n"
    "    mmio 00000000fed00000/0000000000000400\r\n"
    "  dev: q35-pcihost, id \"\"\r\n"
    "    MCFG = 2952790016 (0xb0000000)\r\n"
    "    bus: pcie.0\r\n"
    "      type PCIE\r\n"
    "      dev: pcie-root-port, id \"rp1\"\r\n"
    "        addr = 01.0\r\n"
    "        rombar = -1 (0xffffffffffffffff)\r\n"
    "        class PCI bridge, addr 00:01.0, pci id 1b36:000c (sub 0000:0000)\r\n"
    "        bus: rp1\r\n"
    "          type PCIE\r\n"
    "          dev: virtio-net-pci, id \"net0\"\r\n"
    "            addr = 00.0\r\n"
    "            busnr = 1 (0x1)\r\n"
    "            romfile = \"\"\r\n"
    "            bar 0: mem at 0xfe800000 [0xfe8000ff]\r\n"
    "            bus: virtio-bus\r\n"
    "              type virtio-pci-bus\r\n"
    "              dev: virtio-net-device, id \"\"\r\n"
    "                mq = false\r\n"
    "                netdev = \"n0\"\r\n"
    "      dev: ich9-ahci, id \"\"\r\n"
    "        addr = 1f.2\r\n"
    "        bus: ide.0\r\n"
    "          type IDE\r\n"
    "        bus: ide.1\r\n"
    "          type IDE\r\n"
    "          dev: ide-hd, id \"\"\r\n"
    "            unit = 0 (0x0)\r\n"
    "            drive = \"d0\"\r\n"
    "      dev: qemu-xhci, id \"usb\"\r\n"
    "        addr = 02.0\r\n"
    "        bus: usb.0\r\n"
    "          type usb-bus\r\n"
    "          dev: usb-tablet, id \"\"\r\n"
    "            port = \"\"\r\n"
    "            addr 0.1, port 2, speed 480, name QEMU USB Tablet, attached\r\n"
    "  dev: isa-serial, id \"\"\r\n"
    "    iobase = 1016 (0x3f8)\r\n";

TEST(Qtree, PlacesAreAddressesAndHostsMayDifferInTheirOwn) {
  const auto devices = parse_qtree(kTree).value();
  const auto place = [&](std::size_t i) { return devices.at(i).place; };
  ASSERT_EQ(devices.size(), 10U);
  EXPECT_EQ(place(0), "hpet");
  EXPECT_THAT(devices[0].properties, ElementsAre(Pair("timers", "3 (0x3)")));
  EXPECT_THAT(devices[1].properties, IsEmpty()) << "the firmware's";
  EXPECT_EQ(place(2), "q35-pcihost/01.0");
  EXPECT_EQ(devices[2].id, "rp1");
  EXPECT_THAT(devices[2].properties, ElementsAre(Pair("rombar", "1 (0x1)")))
      << "as QEMU 8 writes the same";
  EXPECT_EQ(place(3), "q35-pcihost/01.0/00.0");
  EXPECT_THAT(devices[3].properties, IsEmpty());
  EXPECT_EQ(place(4), "q35-pcihost/01.0/00.0/virtio-net-device");
  EXPECT_THAT(devices[4].properties, ElementsAre(Pair("mq", "false")));
  EXPECT_EQ(place(6), "q35-pcihost/1f.2/bus 1 ide-hd unit=0");
  EXPECT_EQ(place(8), "q35-pcihost/02.0/port 2");
  EXPECT_EQ(place(9), "isa-serial iobase=1016");
}

TEST(Qtree, NamesOfBusesAndDevicesDoNotMatter) {
  std::string renamed = kTree;
  for (const char* name : {"rp1", "net0", "usb.0"}) {
    for (std::size_t at = 0; (at = renamed.find(name, at)) != std::string::npos; at += 3) {
      renamed.replace(at, 3, "xyz");
    }
  }
  auto devices = parse_qtree(kTree).value();
  auto others = parse_qtree(renamed).value();
  EXPECT_NE(devices, others);
  for (auto* list : {&devices, &others}) {
    for (DeviceShape& device : *list) device.id.clear();
  }
  EXPECT_EQ(devices, others);
}

TEST(Qtree, DrivesAreFoundByTheirDevices) {
  EXPECT_THAT(parse_drives(kTree).value(),
              ElementsAre(DrivePlace{"d0", "", "q35-pcihost/1f.2/bus 1 ide-hd unit=0"}));
}

/// As a microvm has them: transports that only their addresses tell apart.
TEST(Qtree, TransportsOfABoardAreToldApartByTheirAddresses) {
  constexpr const char* kBoard =
      "bus: main-system-bus\r\n"
      "  dev: virtio-mmio, id \"\"\r\n"
      "    mmio 00000000feb00e00/0000000000000200\r\n"
      "    bus: virtio-mmio-bus.7\r\n"
      "      dev: virtio-blk-device, id \"a\"\r\n"
      "        drive = \"x1\"\r\n"
      "  dev: virtio-mmio, id \"\"\r\n"
      "    mmio 00000000feb00c00/0000000000000200\r\n"
      "    bus: virtio-mmio-bus.6\r\n"
      "      dev: virtio-blk-device, id \"b\"\r\n"
      "        drive = \"\"\r\n";
  EXPECT_THAT(parse_drives(kBoard).value(),
              ElementsAre(DrivePlace{"x1", "a", "virtio-mmio 00000000feb00e00/virtio-blk-device"},
                          DrivePlace{"", "b", "virtio-mmio 00000000feb00c00/virtio-blk-device"}));
}

/// By their ids, of a tree that QEMU 10.0 has written (src/hmp/tests/data).
std::map<std::string, std::string> places_in(const std::string& name) {
  std::ifstream file(in_source_tree("src/hmp/tests/data/" + name + ".txt"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto devices = parse_qtree(text).value();
  const auto drives = parse_drives(text).value();
  std::map<std::string, std::string> places;
  for (const DeviceShape& device : devices) {
    if (device.id.empty() && !device.place.starts_with("pxb-")) continue;
    places[device.id.empty() ? device.place : device.id] = device.place;
  }
  for (const DrivePlace& drive : drives) places["drive of " + drive.id] = drive.place;
  return places;
}

/// Else two disks that are exchanged between two bridges would look the same.
TEST(Qtree, RootBusesOfExpandersAreToldApartByTheirNumbers) {
  auto places = places_in("qtree-q35-two-pxb-pcie");
  EXPECT_EQ(places["pa"], "q35-pcihost/01.0");
  EXPECT_EQ(places["ra"], "pxb-host bus_nr=10/00.0");
  EXPECT_EQ(places["d0"], "pxb-host bus_nr=10/00.0/00.0");
  EXPECT_EQ(places["d1"], "pxb-host bus_nr=20/00.0/00.0");
  EXPECT_EQ(places["drive of d0"], "pxb-host bus_nr=10/00.0/00.0/virtio-blk-device");
  EXPECT_EQ(places["drive of d1"], "pxb-host bus_nr=20/00.0/00.0/virtio-blk-device");
  places = places_in("qtree-pc-two-pxb");
  EXPECT_EQ(places["d0"], "pxb-host bus_nr=10/00.0/01.0");
  EXPECT_EQ(places["d1"], "pxb-host bus_nr=20/00.0/01.0");
  places = places_in("qtree-q35-pxb-without-ids");
  for (const char* bridge :
       {"pxb-host bus_nr=10", "pxb-host bus_nr=20", "pxb-cxl-host bus_nr=30"}) {
    EXPECT_TRUE(places.contains(bridge)) << bridge;
  }
}

TEST(Qtree, WhatIsNoTreeIsAnErrorOrEmpty) {
  EXPECT_THAT(parse_qtree("").value(), IsEmpty());
  EXPECT_THAT(parse_qtree("unknown command: 'info qtree'\r\n").value(), IsEmpty());
  const auto orphan = parse_qtree("dev: hpet, id \"\"\r\n");
  ASSERT_FALSE(orphan);
  EXPECT_EQ(orphan.error().code, ErrorCode::kProtocol);
  std::string deep;
  for (int i = 0; i < 100; ++i)
    deep += std::string(2 * static_cast<std::size_t>(i), ' ') + "bus: b\n";
  EXPECT_THAT(parse_qtree(deep).error().message, HasSubstr("info qtree"));
}

}  // namespace
}  // namespace godwit::hmp
