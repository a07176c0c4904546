#include "godwit/guestmem/process_guest_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <numeric>
#include <optional>
#include <vector>

#include "victim.h"

namespace godwit::guestmem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kPages = 200;  // more than a batch of 64

/// The byte that fills a page; nothing when it holds different ones.
std::optional<int> filler(std::span<const std::byte> page) {
  const bool uniform = std::all_of(page.begin(), page.end(), [&](auto b) { return b == page[0]; });
  return uniform ? std::optional(std::to_integer<int>(page[0])) : std::nullopt;
}

Result<std::vector<int>> read_fillers(GuestMemory& memory, const std::vector<std::int64_t>& pages) {
  std::vector<int> fillers;
  const auto visit = [&](std::size_t position, std::span<const std::byte> page) {
    EXPECT_EQ(position, fillers.size());
    fillers.push_back(filler(page).value_or(-1));
  };
  GODWIT_CHECK_OK(memory.visit_pages(pages, visit));
  return fillers;
}

Result<std::vector<int>> open_and_read(RamLayout layout, const std::vector<std::int64_t>& pages) {
  GODWIT_TRY(const auto memory, ProcessGuestMemory::open(std::move(layout)));
  return read_fillers(*memory, pages);
}

TEST(ProcessGuestMemory, ReadsEveryPageOfARunningProcess) {
  Victim victim(kPages);
  std::vector<std::int64_t> all(kPages);
  std::iota(all.begin(), all.end(), 0);
  const auto fillers = open_and_read(victim.layout(), all);
  ASSERT_TRUE(fillers) << fillers.error().message;
  ASSERT_EQ(fillers->size(), kPages);
  for (std::size_t i = 0; i + 1 < kPages; ++i) EXPECT_EQ((*fillers)[i], static_cast<int>(i + 1));
  EXPECT_EQ(fillers->back(), 0) << "a page that was never touched is zero";
}

TEST(ProcessGuestMemory, KnowsTheCpusThatTheProcessMayRunOn) {
  const Victim victim(kPages);
  cpu_set_t all;
  ASSERT_EQ(sched_getaffinity(victim.pid(), sizeof all, &all), 0);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  EXPECT_EQ((*memory)->host_cpus(), CPU_COUNT(&all));
  int first = 0;
  while (!CPU_ISSET(first, &all)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(victim.pid(), sizeof one, &one), 0);
  EXPECT_EQ((*memory)->host_cpus(), 1);
}

TEST(ProcessGuestMemory, SeesWhatChangesAndKeepsTheCallersOrder) {
  Victim victim(kPages);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  EXPECT_THAT(*read_fillers(**memory, {7, 3, 4, 3}), ElementsAre(8, 4, 5, 4));
  victim.fill(3, 99);
  EXPECT_THAT(*read_fillers(**memory, {7, 3, 4, 3}), ElementsAre(8, 99, 5, 99));
  EXPECT_THAT(*read_fillers(**memory, {}), ElementsAre());
}

TEST(ProcessGuestMemory, ReadsASharedFileWhereItIs) {
  Victim victim(kPages, true);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  EXPECT_THAT(*read_fillers(**memory, {7, 3, 4, 3}), ElementsAre(8, 4, 5, 4));
  victim.fill(3, 99);
  EXPECT_THAT(*read_fillers(**memory, {7, 3, 4, 3}), ElementsAre(8, 99, 5, 99));
  const auto swapped = open_and_read(victim.layout_in_swapped_halves(), {0, 1, 100, 101});
  EXPECT_THAT(*swapped, ElementsAre(101, 102, 1, 2));
  EXPECT_EQ(read_fillers(**memory, {1, kPages}).error().code, ErrorCode::kBadInput);
}

TEST(ProcessGuestMemory, AHoleOfASharedFileStaysOne) {
  Victim victim(kPages, true);
  const Bytes before = victim.allocated();
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  const std::int64_t hole = kPages - 1;
  EXPECT_THAT(*read_fillers(**memory, {hole - 1, hole, hole}), ElementsAre(199, 0, 0));
  EXPECT_EQ(victim.allocated(), before);
  victim.fill(hole, 5);
  EXPECT_THAT(*read_fillers(**memory, {hole}), ElementsAre(5));
}

TEST(ProcessGuestMemory, ASharedFileThatIsCutShortWhileBeingReadIsAnError) {
  Victim victim(kPages, true);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  std::vector<std::int64_t> all(kPages);
  std::iota(all.begin(), all.end(), 0);
  std::size_t visited = 0;
  const auto cut = (*memory)->visit_pages(all, [&](std::size_t, std::span<const std::byte> page) {
    if (++visited == 10) victim.cut_file_to(5);
    (void)filler(page);  // touches it
  });
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(cut.error().message, HasSubstr("'ram' has been cut short"));
  EXPECT_EQ(visited, 10U);
  EXPECT_EQ(read_fillers(**memory, {4}).error().code, ErrorCode::kNotFound) << "zeros by now";
}

TEST(ProcessGuestMemory, WhatASharedFileLostIsNoHole) {
  Victim victim(kPages, true);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  victim.cut_file_to(5);
  EXPECT_EQ(read_fillers(**memory, {kPages - 1}).error().code, ErrorCode::kNotFound);
  const auto anew = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(anew) << anew.error().message;
  EXPECT_THAT(*read_fillers(**anew, {4}), ElementsAre(5)) << "what is left can be read";
}

TEST(ProcessGuestMemory, SaysWhenAVmOfASharedFileExited) {
  Victim victim(kPages, true);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  victim.die();
  EXPECT_EQ(read_fillers(**memory, {1}).error().code, ErrorCode::kPeerGone);
}

TEST(ProcessGuestMemory, CountsPagesOverAllBlocks) {
  Victim victim(8);
  const auto fillers = open_and_read(victim.layout_in_swapped_halves(), {0, 1, 2, 3, 4, 5, 6, 7});
  ASSERT_TRUE(fillers) << fillers.error().message;
  EXPECT_THAT(*fillers, ElementsAre(5, 6, 7, 0, 1, 2, 3, 4));
}

TEST(ProcessGuestMemory, SaysWhenTheVmExitedWhileBeingRead) {
  Victim victim(kPages);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  std::vector<std::int64_t> all(kPages);
  std::iota(all.begin(), all.end(), 0);
  std::size_t visited = 0;
  const auto died = (*memory)->visit_pages(all, [&](std::size_t, std::span<const std::byte>) {
    if (++visited == 10) victim.die();
  });
  ASSERT_FALSE(died);
  EXPECT_EQ(died.error().code, ErrorCode::kPeerGone);
  EXPECT_THAT(died.error().message, HasSubstr("has ended"));
  EXPECT_LT(visited, kPages);
  EXPECT_EQ((*memory)->vcpu_time().error().code, ErrorCode::kPeerGone);
}

TEST(ProcessGuestMemory, RefusesAProcessThatIsGone) {
  Victim victim(4);
  const RamLayout layout = victim.layout();
  victim.die();
  const auto memory = ProcessGuestMemory::open(layout);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, ErrorCode::kPeerGone);
}

TEST(ProcessGuestMemory, NamesAnAddressThatIsNotMapped) {
  Victim victim(4);
  RamLayout layout = victim.layout();
  layout.blocks[0].host_address = 0x1000;
  const auto memory = ProcessGuestMemory::open(layout);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(memory.error().message, HasSubstr("0x1000"));
}

TEST(ProcessGuestMemory, ReadsAroundAHoleAndNamesThePageInIt) {
  Victim victim(kPages);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  victim.unmap(5);
  EXPECT_THAT(*read_fillers(**memory, {4, 6}), ElementsAre(5, 7));
  const auto hole = read_fillers(**memory, {3, 4, 5, 6});
  ASSERT_FALSE(hole);
  EXPECT_EQ(hole.error().code, ErrorCode::kNotFound);
  const auto address = victim.layout().blocks[0].host_address +
                       5 * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  char text[32];
  std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(address));
  EXPECT_THAT(hole.error().message, HasSubstr(text));
}

TEST(ProcessGuestMemory, RefusesPagesAndLayoutsThatMakeNoSense) {
  Victim victim(4);
  const auto code = [](RamLayout layout) {
    const auto memory = ProcessGuestMemory::open(std::move(layout));
    return memory ? std::nullopt : std::optional(memory.error().code);
  };
  RamLayout no_pid = victim.layout();
  no_pid.pid = 0;
  EXPECT_EQ(code(no_pid), ErrorCode::kBadInput);
  RamLayout no_blocks = victim.layout();
  no_blocks.blocks.clear();
  EXPECT_EQ(code(no_blocks), ErrorCode::kBadInput);
  RamLayout odd = victim.layout();
  odd.blocks[0].size = Bytes(4097);
  EXPECT_EQ(code(odd), ErrorCode::kBadInput);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  EXPECT_EQ(read_fillers(**memory, {4}).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(read_fillers(**memory, {-1}).error().code, ErrorCode::kBadInput);
}

RamLayout of_parent;  // what a child of the test reads: the test itself

/// Exit status: 100 + the code of the error, or the byte read.
int read_parent(pid_t) {
  const auto fillers = open_and_read(of_parent, {0});
  if (!fillers) return 100 + static_cast<int>(fillers.error().code);
  return fillers->front();
}

int read_parent_as_nobody(pid_t) {
  constexpr uid_t kNobody = 65534;
  if (setgid(kNobody) != 0 || setuid(kNobody) != 0) return 254;
  const auto memory = ProcessGuestMemory::open(of_parent);
  if (memory) return 0;
  if (memory.error().message.find("another user") == std::string::npos) return 253;
  if (memory.error().what_to_do.text().find("sudo") == std::string::npos) return 252;
  return 100 + static_cast<int>(memory.error().code);
}

/// A container's filter: process_vm_readv is "not permitted".
int read_victim_under_a_filter(pid_t) {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof rules / sizeof rules[0], rules};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 254;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 254;
  const auto fillers = open_and_read(of_parent, {1, 2, 6});
  if (!fillers) return 100 + static_cast<int>(fillers.error().code);
  if (*fillers != std::vector{2, 3, 7}) return 251;
  of_parent.blocks[0].host_address = 0x1000;
  const auto unmapped = open_and_read(of_parent, {0});
  return unmapped ? 250 : 100 + static_cast<int>(unmapped.error().code);
}

TEST(ProcessGuestMemory, NamesTheMissingRight) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody without the right";
  alignas(64) static std::byte page[64] = {};
  of_parent = {getpid(), PageSize(64), {{"ram", 64_B, reinterpret_cast<std::uint64_t>(page)}}};
  page[0] = std::byte{0};
  EXPECT_EQ(in_child(read_parent, 0), 0) << "root may read";
  EXPECT_EQ(in_child(read_parent_as_nobody, 0), 100 + static_cast<int>(ErrorCode::kPermission));
}

TEST(ProcessGuestMemory, ReadsByProcMemWhereTheCallIsForbidden) {
  Victim victim(kPages);
  of_parent = victim.layout();
  EXPECT_EQ(in_child(read_victim_under_a_filter, 0), 100 + static_cast<int>(ErrorCode::kNotFound));
}

TEST(ProcessGuestMemory, MeasuresTheTimeOfVcpuThreads) {
  Victim victim(4);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  EXPECT_EQ(*(*memory)->vcpu_time(), std::nullopt) << "no thread has a vCPU's name";
  victim.name_thread_like_a_vcpu();
  const Seconds used = victim.burn();
  const auto time = (*memory)->vcpu_time();
  ASSERT_TRUE(time && *time);
  // It used at least what it saw before it answered, and then only waited; 20 ms = two clock ticks.
  EXPECT_GE((*time)->count(), used.count() - 0.020);
  EXPECT_LT((*time)->count(), used.count() + 0.050);
}

TEST(ProcessGuestMemory, MeasuresItsOwnTime) {
  Victim victim(4);
  const auto memory = ProcessGuestMemory::open(victim.layout());
  ASSERT_TRUE(memory) << memory.error().message;
  const Seconds before = (*memory)->own_cpu_time();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(read_fillers(**memory, {0, 1, 2, 3}));
  EXPECT_GT((*memory)->own_cpu_time(), before);
}

}  // namespace
}  // namespace godwit::guestmem
