#include "godwit/guestmem/locate_ram.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace godwit::guestmem {
namespace {

/// As of a QEMU: its memory of 192 MiB, beside a heap and its translated code.
constexpr const char* kMaps =
    "55d0c0000000-55d0cc000000 rw-p 00000000 00:00 0                          [heap]\n"
    "7f1000000000-7f100c000000 rw-p 00000000 00:00 0 \n"
    "7f100c000000-7f100c200000 ---p 00000000 00:00 0 \n"
    "7f2000000000-7f200c000000 rwxp 00000000 00:00 0 \n"
    "7f3000000000-7f300c000000 r--p 00000000 08:01 77                         /usr/lib/x.so\n";

RamLayout layout_of(std::vector<Bytes> sizes) {
  RamLayout layout;
  layout.pid = 1;
  for (const Bytes size : sizes) layout.blocks.push_back({"memory", size, 0});
  return layout;
}

TEST(LocateRam, FindsTheMappingOfItsSize) {
  const auto found = locate_ram(layout_of({192_MiB}), kMaps);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->blocks[0].host_address, 0x7f1000000000U);
}

TEST(LocateRam, JoinsWhatTheKernelSplitAndKnowsSharedFiles) {
  const std::string maps =
      "7f1000000000-7f1002000000 rw-p 00000000 00:00 0 \n"
      "7f1002000000-7f100c000000 rw-p 00000000 00:00 0 \n"
      "7f2000000000-7f2004000000 rw-s 00000000 00:01 9   /memfd:pc.ram (deleted)\n";
  const auto found = locate_ram(layout_of({192_MiB, 64_MiB}), maps);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->blocks[0].host_address, 0x7f1000000000U);
  EXPECT_EQ(found->blocks[1].host_address, 0x7f2000000000U);
}

TEST(LocateRam, ANeighbourIsNotTakenForAPartOfIt) {
  const std::string maps =
      "7f0fffe00000-7f1000000000 rw-p 00000000 00:00 0 \n"
      "7f1000000000-7f100c000000 rw-p 00000000 00:00 0 \n"
      "7f100c000000-7f100c001000 rw-p 00000000 00:00 0 \n";
  const auto found = locate_ram(layout_of({192_MiB}), maps);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->blocks[0].host_address, 0x7f1000000000U);
}

TEST(LocateRam, WhatCanNotBeToldApartIsRefused) {
  const std::string two = std::string(kMaps) + "7f5000000000-7f500c000000 rw-p 00000000 00:00 0 \n";
  for (const auto& maps : {two, std::string(), std::string("no maps\n")}) {
    const auto found = locate_ram(layout_of({192_MiB}), maps);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::kUnsupported);
  }
  EXPECT_TRUE(locate_ram(layout_of({192_MiB, 192_MiB}), two)) << "two nodes of one size";
}

TEST(LocateRam, FindsMemoryOfARealProcess) {
  // of an odd size, with gaps around it
  constexpr std::size_t kSize = 37 * 4096;
  void* const all = mmap(nullptr, kSize + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(all, MAP_FAILED);
  auto* const memory = static_cast<std::byte*>(all) + 4096;
  ASSERT_EQ(mprotect(memory, kSize, PROT_READ | PROT_WRITE), 0);
  RamLayout layout = layout_of({Bytes(kSize)});
  layout.pid = getpid();
  const auto found = locate_ram(layout);
  munmap(all, kSize + 2 * 4096);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->blocks[0].host_address, reinterpret_cast<std::uintptr_t>(memory));
}

}  // namespace
}  // namespace godwit::guestmem
