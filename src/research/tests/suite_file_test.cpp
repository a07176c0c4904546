#include "suite_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "source_tree.h"
#include "temporary_folder.h"

namespace godwit::research {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(SuiteFile, EachThatComesWithGodwitCanBeMeant) {
  int found = 0;
  const fs::path suites = in_source_tree("suites");
  for (const auto& file : fs::directory_iterator(suites)) {
    if (file.path().extension() != ".toml") continue;
    ++found;
    const auto suite = read_suite(file.path().native());
    ASSERT_TRUE(suite) << suite.error().message;
    EXPECT_EQ(suite->name, file.path().stem());
  }
  EXPECT_GE(found, 7);
}

TEST(SuiteFile, ALoadThatNoGuestTakesIsNamed) {
  const TemporaryFolder folder;
  const std::string file = folder.file("suite.toml");
  std::ofstream(file) << "name = \"x\"\nabout = \"a\"\n[loads]\nfast = \"cpu,speed=9\"\n";
  const auto suite = read_suite(file);
  ASSERT_FALSE(suite);
  EXPECT_EQ(suite.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(suite.error().message, HasSubstr("load 'fast' (cpu,speed=9)"));
  EXPECT_THAT(suite.error().what_to_do, HasSubstr("guest/README.md"));
}

}  // namespace
}  // namespace godwit::research
