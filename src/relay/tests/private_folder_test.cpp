#include "private_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace godwit::relay {
namespace {

namespace fs = std::filesystem;

TEST(PrivateFolder, OnlyItsOwnerMayEnterItAndItGoesWithItsObject) {
  std::string path;
  {
    const auto folder = PrivateFolder::make(std::nullopt);
    ASSERT_TRUE(folder) << folder.error().message;
    path = folder->path();
    struct stat seen {};
    ASSERT_EQ(::stat(path.c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 07777U, 0700U);
    EXPECT_EQ(seen.st_uid, ::geteuid());
    EXPECT_EQ(fs::path(folder->socket_path()).parent_path(), path);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(PrivateFolder, IsGivenToAnotherUserByRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give folders away";
  const auto folder = PrivateFolder::make(uid_t{12345});
  ASSERT_TRUE(folder) << folder.error().message;
  struct stat seen {};
  ASSERT_EQ(::stat(folder->path().c_str(), &seen), 0);
  EXPECT_EQ(seen.st_uid, 12345U);
  EXPECT_EQ(seen.st_mode & 07777U, 0700U);
}

/// The path of one that a process made that ended without a chance to remove it.
std::string left_by_a_killed_process() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto folder = PrivateFolder::make(std::nullopt);
    (void)!::write(ends[1], folder->path().data(), folder->path().size());
    ::_exit(0);
  }
  ::close(ends[1]);
  ::waitpid(child, nullptr, 0);
  std::string path(256, '\0');
  const ssize_t got = ::read(ends[0], path.data(), path.size());
  ::close(ends[0]);
  path.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return path;
}

TEST(PrivateFolder, ThoseOfKilledProcessesAreRemovedByTheNextAndLivingOnesAreNot) {
  const auto living = PrivateFolder::make(std::nullopt);
  ASSERT_TRUE(living);
  const std::string stale = left_by_a_killed_process();
  ASSERT_FALSE(stale.empty());
  const auto next = PrivateFolder::make(std::nullopt);
  ASSERT_TRUE(next);
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(living->path()));
}

}  // namespace
}  // namespace godwit::relay
