#include "godwit/lab/booted_state.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "temporary_folder.h"

namespace godwit::lab {
namespace {

class BootedState : public testing::Test {
 protected:
  void SetUp() override { ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("XDG_CACHE_HOME"); }
  /// Of the guests of that key, which are stored by writing `content`; none: they can't be.
  std::optional<std::string> ask(const std::string& key, const std::string& content) {
    return booted_state(key, [&](const std::string& file) -> Result<void> {
      ++stored_;
      if (content.empty()) return fail(ErrorCode::kRefused, "a device that cannot move");
      std::ofstream(file) << content;
      return {};
    });
  }
  TemporaryFolder folder_;
  int stored_ = 0;
};

TEST_F(BootedState, IsStoredOnceForAllThatAreAlike) {
  const auto first = ask("a", "memory of a");
  ASSERT_TRUE(first);
  std::string content;
  std::getline(std::ifstream(*first), content);
  EXPECT_EQ(content, "memory of a");
  EXPECT_EQ(ask("a", "another"), first);
  EXPECT_EQ(stored_, 1);
  EXPECT_NE(ask("b", "memory of b"), first);
  EXPECT_EQ(stored_, 2);
}

TEST_F(BootedState, WhatCannotBeStoredIsNotTriedAgain) {
  EXPECT_FALSE(ask("a", ""));
  EXPECT_FALSE(ask("a", "now it could"));
  EXPECT_EQ(stored_, 1);
}

TEST_F(BootedState, WhatWasForgottenIsStoredAnew) {
  forget_booted_state(*ask("a", "torn"));
  EXPECT_TRUE(ask("a", "whole"));
  EXPECT_EQ(stored_, 2);
}

TEST_F(BootedState, OnlyTheNewestAreKept) {
  const auto first = ask("0", "first");
  for (int i = 1; i <= 24; ++i) EXPECT_TRUE(ask(std::to_string(i), "more"));
  EXPECT_FALSE(std::ifstream(*first).good());
  EXPECT_TRUE(ask("24", "not again"));
  EXPECT_EQ(stored_, 25);
}

TEST_F(BootedState, WithoutACacheThereIsNone) {
  ::setenv("XDG_CACHE_HOME", "/dev/null", 1);
  EXPECT_FALSE(ask("a", "memory"));
  EXPECT_EQ(stored_, 0);
}

TEST(StampOf, ChangesWithTheFile) {
  const TemporaryFolder folder;
  const std::string file = folder.file("image");
  const std::string none = stamp_of(file);
  std::ofstream(file) << "one";
  const std::string one = stamp_of(file);
  EXPECT_NE(one, none);
  std::ofstream(file) << "longer";
  EXPECT_NE(stamp_of(file), one);
}

}  // namespace
}  // namespace godwit::lab
