#include "delayed_frames.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <vector>

#include "network.h"

namespace godwit::lab {
namespace {

constexpr Bytes kPlenty{1 << 20};

TimePoint at(double seconds) {
  return TimePoint() + Seconds(seconds);
}
std::vector<std::byte> frame_of(std::uint8_t content, std::size_t size = 60) {
  return std::vector<std::byte>(size, std::byte{content});
}

TEST(DelayedFrames, ComeOutAsLateAsTheyWentInAndNoSooner) {
  DelayedFrames line(Seconds(0.0025), kPlenty);
  EXPECT_FALSE(line.next_due());
  line.push(1, frame_of(7), at(1));
  EXPECT_EQ(line.next_due(), at(1.0025));
  EXPECT_EQ(line.due(at(1.002499)), nullptr);
  const auto* frame = line.due(at(1.0025));
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->from, 1U);
  EXPECT_EQ(frame->bytes, frame_of(7));
  line.pop();
  EXPECT_EQ(line.due(at(9)), nullptr);
}

RC_GTEST_PROP(DelayedFrames, KeepTheirOrderAndContent,
              (const std::vector<std::uint8_t>& contents)) {
  DelayedFrames line(Seconds(0.5), kPlenty);
  double now = 0;
  for (const std::uint8_t content : contents) {
    now += *rc::gen::inRange(0, 100) * 1e-3;
    line.push(content % 3, frame_of(content), at(now));
  }
  const TimePoint all_are_due = at(now) + Seconds(0.5);
  for (const std::uint8_t content : contents) {
    const auto* frame = line.due(all_are_due);
    RC_ASSERT(static_cast<bool>(frame));
    RC_ASSERT(frame->bytes == frame_of(content));
    RC_ASSERT(frame->from == content % 3U);
    line.pop();
  }
  RC_ASSERT(!line.next_due());
}

TEST(DelayedFrames, WhatIsTooMuchIsLostAndWhatIsUnderWayIsNot) {
  DelayedFrames line(Seconds(1), Bytes(150));
  for (const std::uint8_t content : {1, 2, 3}) line.push(0, frame_of(content), at(0));
  ASSERT_NE(line.due(at(1)), nullptr);
  EXPECT_EQ(line.due(at(1))->bytes, frame_of(1));
  line.pop();
  line.push(0, frame_of(4), at(1));
  EXPECT_EQ(line.due(at(1))->bytes, frame_of(2));
  line.pop();
  EXPECT_EQ(line.due(at(2))->bytes, frame_of(4));
}

std::vector<std::byte> to(const MacAddress& mac) {
  std::vector<std::byte> frame = frame_of(0);
  for (std::size_t i = 0; i < mac.size(); ++i) frame[i] = std::byte{mac[i]};
  return frame;
}

TEST(AFrame, IsForTheHostWhoseAddressItBears) {
  EXPECT_TRUE(is_for(to(migration_mac(1)), 0, 1));
  EXPECT_FALSE(is_for(to(migration_mac(1)), 0, 2));
  EXPECT_FALSE(is_for(to(migration_mac(1)), 1, 1)) << "it came from there";
  EXPECT_FALSE(is_for(to({2, 0, 0, 0, 0, 1}), 0, 1)) << "a stranger's";
}

TEST(AFrame, OfABroadcastOrAGroupIsForAllOthers) {
  for (const MacAddress& many : {MacAddress{255, 255, 255, 255, 255, 255}, {1, 0, 0x5e, 0, 0, 1}}) {
    EXPECT_TRUE(is_for(to(many), 0, 1));
    EXPECT_TRUE(is_for(to(many), 0, 15));
    EXPECT_FALSE(is_for(to(many), 15, 15));
  }
}

TEST(AFrame, ThatIsTornIsForNobody) {
  const std::vector<std::byte> torn(5, std::byte{255});
  EXPECT_FALSE(is_for(torn, 0, 1));
  EXPECT_FALSE(is_for({}, 0, 1));
}

}  // namespace
}  // namespace godwit::lab
