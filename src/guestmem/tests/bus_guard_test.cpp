#include "bus_guard.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "godwit/base/unique_fd.h"

namespace godwit::guestmem {
namespace {

const std::size_t kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

/// A file of one page, mapped as if it had two.
std::span<const std::byte> mapping_beyond_a_file() {
  const UniqueFd file(memfd_create("short", MFD_CLOEXEC));
  if (ftruncate(file.get(), static_cast<off_t>(kPage)) != 0) return {};
  void* const memory = mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, file.get(), 0);
  return {static_cast<const std::byte*>(memory), 2 * kPage};
}

std::byte touch(std::span<const std::byte> memory) {
  return *static_cast<const volatile std::byte*>(memory.data() + kPage);
}

TEST(BusGuard, ATouchBehindTheEndReadsZerosAndIsSaid) {
  const auto memory = mapping_beyond_a_file();
  const BusGuard guard(memory);
  EXPECT_FALSE(guard.hit());
  EXPECT_EQ(touch(memory), std::byte{0});
  EXPECT_TRUE(guard.hit());
}

TEST(BusGuardDeathTest, AnyOtherAddressStillEndsTheProcess) {
  const auto memory = mapping_beyond_a_file();
  const auto other = mapping_beyond_a_file();
  EXPECT_EXIT(
      {
        const BusGuard guard(other);
        (void)touch(memory);
      },
      [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; }, "");
  EXPECT_EXIT(
      {
        { const BusGuard guard(memory); }
        (void)touch(memory);
      },
      [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; }, "");
}

}  // namespace
}  // namespace godwit::guestmem
