#include "godwit/hosts/time_until.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace godwit::hosts {
namespace {

/// 2026-11-27T20:00:00Z
constexpr std::int64_t kEvening = 1'795'809'600'000'000;

TEST(TimeUntil, IsReadAsPeopleWriteIt) {
  ::setenv("TZ", "UTC", 1);  // this test's process is its own
  ::tzset();
  EXPECT_EQ(time_until("30m", kEvening).value(), Seconds(1800));
  EXPECT_EQ(time_until("22:30", kEvening).value(), Seconds(9000));
  EXPECT_EQ(time_until("2026-11-27T20:00:05Z", kEvening).value(), Seconds(5));
}

TEST(TimeUntil, WhatHasPassedIsNegative) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  EXPECT_EQ(time_until("19:59", kEvening).value(), Seconds(-60));
  EXPECT_LT(time_until("2020-01-01T00:00:00Z", kEvening).value(), Seconds(0));
}

TEST(TimeUntil, OtherTextsAreNoTime) {
  for (const char* text : {"", "noon", "25:00", "12:60", "1:2", "30", "2026-11-27", "22:30:00"}) {
    const auto time = time_until(text, kEvening);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().code, ErrorCode::kBadInput);
  }
}

}  // namespace
}  // namespace godwit::hosts
