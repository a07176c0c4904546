#include "godwit/base/foreign_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace godwit {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uid_t kMe = 1234;
constexpr uid_t kOther = 4321;

/// A folder for one test. Links in it are another user's, as far as `kMe` is concerned: root makes
/// them so, an ordinary user is none of those that are trusted.
class ForeignFile : public testing::Test {
 protected:
  ForeignFile() { std::ofstream(file_) << "kept"; }
  ~ForeignFile() override { fs::remove_all(folder_); }

  void make_link(uid_t owner) {
    fs::remove(link_);
    fs::create_symlink(file_, link_);
    if (::geteuid() != 0) return;
    ASSERT_EQ(::lchown(link_.c_str(), owner, static_cast<gid_t>(-1)), 0);
  }

  std::string made_ = [] {
    std::string name = testing::TempDir() + "godwit-foreign-XXXXXX";
    return std::string(::mkdtemp(name.data()));
  }();
  fs::path folder_{made_};
  fs::path file_ = folder_ / "file";
  fs::path link_ = folder_ / "link";
};

TEST_F(ForeignFile, AnotherUsersLinkIsRefusedAndNamed) {
  make_link(kOther);
  const auto refused = refuse_foreign_link(link_, kMe);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
  EXPECT_THAT(refused.error().message, HasSubstr(link_.native()));
  EXPECT_FALSE(refused.error().what_to_do.empty());
}

TEST_F(ForeignFile, OnesOwnLinkRootsLinkAFileAndNothingPass) {
  make_link(::geteuid() == 0 ? kMe : ::geteuid());
  EXPECT_TRUE(refuse_foreign_link(link_, ::geteuid() == 0 ? kMe : ::geteuid()));
  EXPECT_TRUE(refuse_foreign_link(file_, kMe));
  EXPECT_TRUE(refuse_foreign_link(folder_ / "none", kMe));
  if (::geteuid() != 0) return;
  make_link(0);
  EXPECT_TRUE(refuse_foreign_link(link_, kMe));
}

TEST_F(ForeignFile, AnotherUsersSocketMayBeAnybodysWhereEverybodyMayPutOne) {
  const fs::path socket = folder_ / "vm.qmp";
  EXPECT_FALSE(may_be_anybodys_socket(socket, kOther, kMe)) << "the folder is private";
  for (const mode_t mode : {01777U, 0777U}) {  // as /tmp, and worse
    ASSERT_EQ(::chmod(folder_.c_str(), mode), 0);
    EXPECT_TRUE(may_be_anybodys_socket(socket, kOther, kMe));
    EXPECT_FALSE(may_be_anybodys_socket(socket, kMe, kMe));
    EXPECT_FALSE(may_be_anybodys_socket(socket, 0, kMe)) << "root's";
  }
}

}  // namespace
}  // namespace godwit
