#include "delay_line.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace godwit::relay {
namespace {

TimePoint at(double ms) {
  return TimePoint{} + Seconds(ms / 1000);
}

std::vector<std::byte> bytes(std::size_t size, int first) {
  std::vector<std::byte> made(size);
  for (std::size_t i = 0; i < size; ++i)
    made[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return made;
}

TEST(DelayLine, NothingComesOutBeforeItsTime) {
  DelayLine line(Seconds(0.01), 1_MiB);
  line.push(bytes(3, 1), at(0));
  EXPECT_TRUE(line.due(at(9.9)).empty());
  EXPECT_EQ(line.next_due(), at(10));
  EXPECT_EQ(line.due(at(10)).size(), 3U);
}

TEST(DelayLine, TheEndTravelsAsFarAsTheLastByte) {
  DelayLine line(Seconds(0.01), 1_MiB);
  line.push(bytes(1, 1), at(0));
  line.end(at(5));
  EXPECT_FALSE(line.ended(at(15))) << "a byte is still in it";
  line.pop(line.due(at(15)).size());
  EXPECT_FALSE(line.ended(at(14)));
  EXPECT_EQ(line.next_due(), at(15));
  EXPECT_TRUE(line.ended(at(15)));
}

TEST(DelayLine, RoomIsWhatItMayStillHold) {
  DelayLine line(Seconds(0.01), 10_B);
  line.push(bytes(4, 0), at(0));
  EXPECT_EQ(line.room(), 6_B);
  EXPECT_EQ(line.held(), 4_B);
  line.pop(1);
  EXPECT_EQ(line.room(), 7_B);
}

RC_GTEST_PROP(DelayLineProperty, AllComesOutInOrderAndExactlyWhenItsDelayIsOver, ()) {
  const double delay_ms = *rc::gen::inRange(0, 50);
  DelayLine line(Seconds(delay_ms / 1000), 1_MiB);
  std::vector<std::pair<double, int>> sent;  // when, which
  std::size_t next_out = 0;
  double now_ms = 0;
  const auto drain = [&] {
    while (!line.due(at(now_ms)).empty()) {
      const auto out = line.due(at(now_ms));
      const std::size_t some = std::min<std::size_t>(out.size(), 3);
      for (std::size_t i = 0; i < some; ++i, ++next_out) {
        RC_ASSERT(static_cast<int>(out[i]) == sent.at(next_out).second);
        RC_ASSERT(sent.at(next_out).first + delay_ms <= now_ms + 1e-6);
      }
      line.pop(some);
    }
    // and what is left was not due
    if (next_out < sent.size()) RC_ASSERT(sent.at(next_out).first + delay_ms > now_ms - 1e-6);
  };
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 20))) {
    now_ms += step;
    drain();
    const auto size = static_cast<std::size_t>(step % 7);
    const int first = static_cast<int>(sent.size());
    for (const std::byte one : bytes(size, first)) sent.emplace_back(now_ms, static_cast<int>(one));
    line.push(bytes(size, first), at(now_ms));
  }
  now_ms += delay_ms + 1;
  drain();
  RC_ASSERT(next_out == sent.size());
  RC_ASSERT(line.held() == Bytes(0));
}

}  // namespace
}  // namespace godwit::relay
