#include "godwit/domain/technique.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "godwit/base/rng.h"
#include "products.h"

namespace godwit {
namespace {

using testing::HasSubstr;

/// These stand in files and stores of older versions, and in users' scripts.
TEST(TechniqueNames, ThoseOfOldMeanAndSayWhatTheyDid) {
  const std::vector<std::pair<const char*, Technique>> old{
      {"precopy", Technique::kPrecopy},
      {"auto-converge", Technique::kAutoConverge},
      {"xbzrle", Technique::kXbzrle},
      {"compress", Technique::kCompress},
      {"multifd", Technique::kMultifd},
      {"multifd-zlib", Technique::kMultifdZlib},
      {"multifd-zstd", Technique::kMultifdZstd},
      {"postcopy", Technique::kPostcopy},
      {"hybrid", Technique::kHybrid},
      {"stop-and-copy", Technique::kStopAndCopy},
      {"cold", Technique::kCold},
      {"cold-zstd", Technique::kColdZstd}};
  for (const auto& [name, technique] : old) {
    EXPECT_EQ(to_string(technique), name);
    EXPECT_EQ(parse_technique(name).value(), technique) << name;
    Technique with_disks = technique;
    with_disks.storage = true;
    EXPECT_EQ(to_string(with_disks), std::string(name) + "+storage");
  }
}

TEST(TechniqueNames, EveryProductIsReadAsItIsWritten) {
  std::vector<std::string> names;
  for (const Technique one : all_products()) {
    names.push_back(to_string(one));
    const auto read = parse_technique(names.back());
    ASSERT_TRUE(read) << names.back();
    EXPECT_EQ(to_string(*read), names.back());
    EXPECT_TRUE(*read == one) << names.back();
  }
  ASSERT_EQ(names.size(), 200u);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end()) << "no two have one name";
}

TEST(TechniqueNames, WordsSayOnePartEach) {
  const std::vector<std::pair<const char*, const char*>> spellings{
      {"multifd+postcopy", "multifd+postcopy"},
      {"postcopy+multifd", "multifd+postcopy"},
      {"auto-converge+multifd-zstd", "multifd-zstd+auto-converge"},
      {"zstd+multifd", "multifd-zstd"},
      {"precopy+auto-converge", "auto-converge"},
      {"storage+postcopy+xbzrle", "xbzrle+postcopy+storage"},
      {"storage", "precopy+storage"}};
  for (const auto& [written, usual] : spellings) {
    const auto read = parse_technique(written);
    ASSERT_TRUE(read) << written;
    EXPECT_EQ(to_string(*read), usual);
  }
}

TEST(TechniqueNames, AWordThatIsNotKnownOrSaysAPartAgainIsRefused) {
  for (const char* text : {"", "+", "precopy+", "+storage", "teleport", "Precopy", "auto"}) {
    const auto read = parse_technique(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(read.error().message, HasSubstr("unknown technique"));
    EXPECT_THAT(read.error().what_to_do.text(), HasSubstr("multifd-zstd+auto-converge"));
  }
  const auto twice = parse_technique("hybrid+postcopy");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message,
            "'hybrid+postcopy': 'hybrid' and 'postcopy' both say how it ends");
  for (const char* text : {"precopy+storage+storage", "multifd+multifd-zlib", "xbzrle+compress",
                           "auto-converge+auto-converge", "cold-zstd+xbzrle"}) {
    EXPECT_FALSE(parse_technique(text)) << text;
  }
}

RC_GTEST_PROP(TechniqueNames, TextAndValueAgree, ()) {
  const Technique technique = *rc::gen::elementOf(all_products());
  const auto read = parse_technique(to_string(technique));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == technique);
}

/// The order of words is the writer's.
RC_GTEST_PROP(TechniqueNames, WordsMayStandInAnyOrder, ()) {
  const Technique technique = *rc::gen::elementOf(all_products());
  std::vector<std::string> words;
  std::string name = to_string(technique);
  for (std::size_t end = 0; end != std::string::npos; name = name.substr(end + 1)) {
    end = name.find('+');
    words.push_back(name.substr(0, end));
    if (end == std::string::npos) break;
  }
  Rng(*rc::gen::arbitrary<std::uint64_t>()).shuffle(words);
  std::string shuffled;
  for (const std::string& word : words) shuffled += (shuffled.empty() ? "" : "+") + word;
  const auto read = parse_technique(shuffled);
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == technique);
}

}  // namespace
}  // namespace godwit
