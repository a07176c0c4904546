#include "godwit/lab/facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace godwit::lab {
namespace {

TEST(Facts, WithoutAGuestImageTheCommandThatBuildsOneIsNamed) {
  if (std::filesystem::exists("/usr/share/godwit/guest")) GTEST_SKIP() << "there is an image";
  ::unsetenv("GODWIT_GUEST_DIR");
  const auto image = find_guest_image();  // none lies beside this test
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(image.error().what_to_do, "build it with: ./dev build");
}

}  // namespace
}  // namespace godwit::lab
