#include "godwit/base/quantity.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace godwit {
namespace {

TEST(Quantity, ParsesWhatOperatorsWrite) {
  EXPECT_EQ(*parse_bytes("512MiB"), 512_MiB);
  EXPECT_EQ(*parse_bytes("1.5 GB"), 1'500_MB);
  EXPECT_DOUBLE_EQ(parse_rate("50MB/s")->value(), 50e6);
  EXPECT_DOUBLE_EQ(parse_rate("400Mbit/s")->value(), 50e6);
  EXPECT_DOUBLE_EQ(parse_duration("300ms")->count(), 0.3);
  EXPECT_DOUBLE_EQ(parse_duration("2m")->count(), 120);
  EXPECT_DOUBLE_EQ(parse_percent("10%")->value(), 0.1);
}

class BadQuantity : public testing::TestWithParam<const char*> {};
TEST_P(BadQuantity, IsRefusedWithWhatToDo) {
  for (const Error& error : {parse_bytes(GetParam()).error(), parse_rate(GetParam()).error(),
                             parse_duration(GetParam()).error()}) {
    EXPECT_EQ(error.code, ErrorCode::kBadInput);
    EXPECT_FALSE(error.what_to_do.empty());
  }
}
INSTANTIATE_TEST_SUITE_P(All, BadQuantity,
                         testing::Values("", "50", "-50MB/s", "-1s", "-0.5MiB", "fast", "MB/s",
                                         "50mb", "nanMB", "infs", "1e5MB", "0x10MB",
                                         "5MB/s extra"));

TEST(Quantity, BoundsWhatCannotBeMeant) {
  EXPECT_FALSE(parse_rate("0MB/s"));
  EXPECT_FALSE(parse_rate("2000GB/s"));
  EXPECT_FALSE(parse_bytes("99999999TiB"));
  EXPECT_FALSE(parse_duration("9999h"));
  EXPECT_FALSE(parse_percent("101%"));
  EXPECT_FALSE(parse_percent("0.1"));
}

TEST(Quantity, PrintsForPeople) {
  EXPECT_EQ(human(512_MiB), "512 MiB");
  EXPECT_EQ(human(999_B), "999 B");
  EXPECT_EQ(human(50_MB_per_s), "50.0 MB/s");
  EXPECT_EQ(human(Seconds(0.143)), "143 ms");
  EXPECT_EQ(human(Seconds(4.1)), "4.10 s");
  EXPECT_EQ(human(Seconds(125)), "2 min 5 s");
}

RC_GTEST_PROP(Quantity, NeverCrashesOnAnyText, (const std::string& text)) {
  (void)parse_bytes(text);
  (void)parse_rate(text);
  (void)parse_duration(text);
}

RC_GTEST_PROP(Quantity, WholeBytesSurviveATripThroughText, ()) {
  const auto count = *rc::gen::inRange<std::int64_t>(0, 1LL << 50);
  RC_ASSERT(parse_bytes(std::to_string(count) + "B")->count() == count);
}

}  // namespace
}  // namespace godwit
