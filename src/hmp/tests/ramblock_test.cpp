#include "godwit/hmp/ramblock.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "godwit/qmp/testing/fake_qmp_server.h"

namespace godwit::hmp {
namespace {

using qmp::testing::captured_return;
using qmp::testing::QemuVersion;

/// `ram.total` of the captured VM's query-migrate.
constexpr std::int64_t kTotal = 84484096;

class CapturedRam : public ::testing::TestWithParam<QemuVersion> {};

TEST_P(CapturedRam, UsedSizesAddUpToWhatMigrationCallsTheTotal) {
  const auto text = captured_return(GetParam(), "info-ramblock").get<std::string>();
  const auto blocks = parse_ramblock(text).value();
  Bytes total;
  for (const RamBlockLine& block : blocks) total += block.used;
  EXPECT_EQ(total, Bytes(kTotal));
  EXPECT_EQ(blocks.front().name, "pc.ram");
  EXPECT_EQ(blocks.front().host_address.has_value(), GetParam() != QemuVersion::k7_2);
}

TEST_P(CapturedRam, MappingsLeadToRegions) {
  const auto text = captured_return(GetParam(), "info-mtree").get<std::string>();
  const auto regions = parse_mtree(text).value();
  ASSERT_FALSE(regions.empty());
  EXPECT_EQ(regions.front().region, "pc.ram");
  EXPECT_EQ(regions.front().guest_address, 0U);
  const auto bios = std::find_if(regions.begin(), regions.end(),
                                 [](const auto& one) { return one.region == "pc.bios"; });
  ASSERT_NE(bios, regions.end());
  const auto host = parse_gpa2hva(captured_return(GetParam(), "gpa2hva").get<std::string>());
  EXPECT_EQ(host.value().region, "pc.ram");
  EXPECT_GT(host.value().address, 0U);
}

INSTANTIATE_TEST_SUITE_P(Qemu, CapturedRam, ::testing::ValuesIn(qmp::testing::kQemuVersions),
                         qmp::testing::version_name);

TEST(RamBlock, NamesMayBeMissingOrHaveBlanks) {
  const auto blocks =
      parse_ramblock(
          "  Block Name    PSize   Offset    Used   Total    HVA  RO\r\n"
          "                            4 KiB  0x0 0x1000 0x1000 0x7f00  rw\r\n"
          "   my own ram    2 MiB  0x0 0x200000 0x200000 0x0000000000000000  rw\r\n")
          .value();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0].name, "");
  EXPECT_EQ(blocks[0].host_address, 0x7f00U);
  EXPECT_EQ(blocks[1].name, "my own ram");
  EXPECT_EQ(blocks[1].used, 2_MiB);
  EXPECT_EQ(blocks[1].host_address, std::nullopt) << "address 0 is none";
}

TEST(RamBlock, WhatIsNoListIsRefused) {
  for (const char* text : {"", "unknown command: 'info ramblock'\r\n", "Block Name HVA\nx y z\n",
                           "Block Name\n r 4 KiB 0x0 0xffffffffffffffff 0x0\n"}) {
    const auto blocks = parse_ramblock(text);
    ASSERT_FALSE(blocks) << text;
    EXPECT_EQ(blocks.error().code, ErrorCode::kProtocol);
  }
}

TEST(RamBlock, MoreThanAnyMachineHasIsRefused) {
  std::string text = "Block Name PSize Offset Used Total\r\n";
  for (int i = 0; i < 20; ++i) {
    text += "pc.ram 4 KiB 0x0 0x0800000000000000 0x0800000000000000\r\n";
  }
  EXPECT_EQ(parse_ramblock(text).error().code, ErrorCode::kProtocol);
}

TEST(MemoryTree, OnlyRamAsTheCpusSeeIt) {
  const auto regions =
      parse_mtree(
          "FlatView #0\n AS \"I/O\", root: io\n Root memory region: io\n"
          "  0000000000000000-00000000000000ff (prio 0, ram): other\n"
          "\nFlatView #1\n AS \"memory\", root: system\n AS \"cpu-memory-0\", root: system\n"
          " Root memory region: system\n"
          "  0000000000000000-00000000000bffff (prio 0, ram): pc.ram KVM\n"
          "  00000000000c0000-00000000000c3fff (prio 1, i/o): vga-lowmem\n"
          "  00000000000c4000-00000000000dffff (prio 1, rom): pc.ram @00000000000c4000 KVM\n"
          "FlatView #2\n AS \"x\", root: y\n"
          "  0000000000000000-00000000000000ff (prio 0, ram): other\n")
          .value();
  ASSERT_EQ(regions.size(), 2U);
  EXPECT_EQ(regions[0].region, "pc.ram");
  EXPECT_EQ(regions[1].region, "pc.ram");
  EXPECT_EQ(regions[1].guest_address, 0xc4000U);
  EXPECT_EQ(regions[1].offset, 0xc4000U);
}

TEST(HostAddress, MemoryThatIsNotThereIsAnError) {
  for (const char* text :
       {"", "No memory is mapped at address 0x0\r\n", "Memory at address 0xb8000is not RAM\r\n",
        "Host virtual address for 0x0 (pc.ram) is (nil)\r\n"}) {
    EXPECT_FALSE(parse_gpa2hva(text)) << text;
  }
}

RC_GTEST_PROP(RamBlock, WhatQemuPrintsIsReadBack, ()) {
  const auto name =
      *rc::gen::container<std::string>(rc::gen::element('a', 'z', '.', '/', '@', '0'));
  const auto used = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 45);
  const auto host = *rc::gen::inRange<std::uint64_t>(1, std::uint64_t{1} << 47);
  const std::string text =
      fmt::format("{:>24} {:>8}  {:>18} {:>18} {:>18} {:>18} {:>3}\n", "Block Name", "PSize",
                  "Offset", "Used", "Total", "HVA", "RO") +
      fmt::format("{:>24} {:>8}  {:#018x} {:#018x} {:#018x} {:#018x} {:>3}\n", name, "4 KiB", 0,
                  used, used, host, "rw");
  const auto blocks = parse_ramblock(text).value();
  RC_ASSERT(blocks.size() == 1U);
  RC_ASSERT(blocks[0].name == name);
  RC_ASSERT(blocks[0].used == Bytes(used));
  RC_ASSERT(blocks[0].host_address == host);
}

}  // namespace
}  // namespace godwit::hmp
