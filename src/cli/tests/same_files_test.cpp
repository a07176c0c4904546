#include "same_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace godwit::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// Files that this process has open, so that it can stand for two QEMUs.
class SameFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / "godwit-files-XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    one_.open(path("one"));
    other_.open(path("other"));
    std::ofstream(path("closed")) << "";
    std::filesystem::create_hard_link(path("one"), path("link"));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  [[nodiscard]] static VmDescription vm(const std::string& file) {
    VmDescription vm;
    vm.pid = ::getpid();
    vm.disks = {{"virtio0", file, "raw", true}};
    return vm;
  }

  std::string folder_;
  std::ofstream one_;
  std::ofstream other_;
};

TEST_F(SameFiles, AreToldByWhatTheyAreAndNotByTheirNames) {
  EXPECT_THAT(same_files(vm(path("one")), vm(path("link"))), ElementsAre(Pair("virtio0", true)));
  EXPECT_THAT(same_files(vm(path("one")), vm(path("other"))), ElementsAre(Pair("virtio0", false)));
}

TEST_F(SameFiles, WhatIsNotKnownIsLeftOut) {
  EXPECT_THAT(same_files(vm(path("one")), vm(path("closed"))), IsEmpty())
      << "a file of that name that the process has not open may not be the one";
  EXPECT_THAT(same_files(vm(path("one")), vm(path("none"))), IsEmpty());
  EXPECT_THAT(same_files(vm(path("one")), vm("json:{\"driver\": \"nbd\"}")), IsEmpty());
  VmDescription elsewhere = vm(path("one"));
  elsewhere.pid = 0;
  EXPECT_THAT(same_files(vm(path("one")), elsewhere), IsEmpty());
}

}  // namespace
}  // namespace godwit::cli
