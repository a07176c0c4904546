#include "godwit/base/json.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace godwit {
namespace {

TEST(ParseJson, SaysWhereTextIsTorn) {
  const std::string text = R"({"a": [1, 2.5, "b\u00e9"], "c": {"d": null, "e": true}})";
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto json = parse_json(std::string_view(text).substr(0, length));
    ASSERT_FALSE(json) << length;
    ASSERT_EQ(json.error().code, ErrorCode::kCorrupt);
  }
  EXPECT_NE(parse_json("{\"a\": 1").error().message.find("column"), std::string::npos);
}

TEST(ParseJson, BoundsNesting) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(50)));
  for (const std::size_t depth : {std::size_t{100}, std::size_t{100'000}}) {
    for (const std::string& text : {nested(depth), std::string(depth, '[')}) {
      const auto json = parse_json(text);
      ASSERT_FALSE(json) << depth;
      EXPECT_EQ(json.error().code, ErrorCode::kCorrupt);
      EXPECT_LT(json.error().message.size(), 300U);
    }
  }
}

TEST(ParseJson, BoundsTheMembersOfAnObject) {
  const auto wide = [](int members) {
    std::string text = "{\"k\": 0";
    for (int i = 1; i < members; ++i) text += fmt::format(", \"k{}\": {{\"a\": []}}", i);
    return text + "}";
  };
  EXPECT_EQ(parse_json(wide(1024)).value().size(), 1024U);  // members of members count apart
  const auto json = parse_json(wide(2000));
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, ErrorCode::kCorrupt);
}

TEST(ParseJson, RefusesWhatIsNoJson) {
  for (const char* text : {"NaN", "{\"a\": NaN}", "{\"a\": Infinity}", "1e999", "{'a': 1}", "\xff",
                           "\"\xc3\"", "{\"a\": 1,}", "// 1\n1", "1 2"}) {
    const auto json = parse_json(text);
    ASSERT_FALSE(json) << text;
    EXPECT_EQ(json.error().code, ErrorCode::kCorrupt) << text;
    EXPECT_EQ(json.error().message.find('\n'), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace godwit
