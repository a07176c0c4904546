#include "godwit/terminal/write_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace godwit::terminal {
namespace {

namespace fs = std::filesystem;

class WriteFile : public testing::Test {
 protected:
  ~WriteFile() override { fs::remove_all(folder_); }
  static std::string read(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string made_ = [] {
    std::string name = testing::TempDir() + "godwit-write-XXXXXX";
    return std::string(::mkdtemp(name.data()));
  }();
  fs::path folder_{made_};
  fs::path file_ = folder_ / "file";
};

TEST_F(WriteFile, MakesAndReplaces) {
  ASSERT_TRUE(write_file(file_, "a longer text"));
  ASSERT_TRUE(write_file(file_, "short"));
  EXPECT_EQ(read(file_), "short");
  fs::create_symlink(file_, folder_ / "link");
  ASSERT_TRUE(write_file(folder_ / "link", "by a link of one's own"));
  EXPECT_EQ(read(file_), "by a link of one's own");
}

TEST_F(WriteFile, RootIsNotLedElsewhereByAnotherUsersLink) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make another user's link";
  ASSERT_TRUE(write_file(file_, "kept"));
  const fs::path link = folder_ / "link";
  fs::create_symlink(file_, link);
  ASSERT_EQ(::lchown(link.c_str(), 65534, 65534), 0);
  const auto refused = write_file(link, "lost");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
  EXPECT_EQ(read(file_), "kept");
}

TEST_F(WriteFile, WhereItCannotWriteItSaysSo) {
  const auto refused = write_file(folder_ / "none" / "file", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kEnvironment);
}

}  // namespace
}  // namespace godwit::terminal
