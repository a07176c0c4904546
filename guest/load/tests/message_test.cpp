#include "godwit/guest/message.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace godwit::guest {
namespace {

using HeaderBytes = std::array<char, kMessageHeaderBytes>;

std::string bytes_of(const MessageHeader& header) {
  HeaderBytes bytes{};
  write_header(header, bytes);
  return {bytes.begin(), bytes.end()};
}

TEST(Message, HeaderIsLittleEndianAsDocumented) {
  const std::string bytes = bytes_of({0x0102, 0x0304, 0x05060708090a0b0c, 0x0d});
  EXPECT_EQ(bytes.substr(0, 4), "GDWT");
  EXPECT_EQ(bytes.substr(4, 4), std::string("\x02\x01\0\0", 4));
  EXPECT_EQ(bytes.substr(8, 8), std::string("\x04\x03\0\0\0\0\0\0", 8));
  EXPECT_EQ(bytes.substr(16, 8), "\x0c\x0b\x0a\x09\x08\x07\x06\x05");
  EXPECT_EQ(bytes.substr(24, 8), std::string("\x0d\0\0\0\0\0\0\0", 8));
}

RC_GTEST_PROP(Message, HeaderComesBack,
              (std::uint64_t sequence, std::uint64_t sent_ns, std::uint64_t stream)) {
  const MessageHeader header{*rc::gen::inRange<std::uint32_t>(32, 65'508), sequence, sent_ns,
                             stream};
  RC_ASSERT(read_header(bytes_of(header)) == header);
}

TEST(Message, OtherBytesAreNoHeader) {
  const std::string good = bytes_of({32, 1, 1, 1});
  EXPECT_TRUE(read_header(good + "more"));
  EXPECT_FALSE(read_header(""));
  EXPECT_FALSE(read_header(good.substr(0, 31)));
  EXPECT_FALSE(read_header("X" + good.substr(1)));
  EXPECT_FALSE(read_header(bytes_of({31, 1, 1, 1})));
  EXPECT_FALSE(read_header(bytes_of({65'508, 1, 1, 1})));
}

SequenceCount counted(const std::vector<std::uint64_t>& sequences) {
  SequenceCount count;
  for (const std::uint64_t sequence : sequences) count.take(1, sequence);
  return count;
}

TEST(SequenceCount, SeesGaps) {
  const SequenceCount count = counted({0, 1, 4, 5, 7});
  EXPECT_EQ(count.received(), 5);
  EXPECT_EQ(count.lost(), 3);
  EXPECT_EQ(count.out_of_order(), 0);
}

TEST(SequenceCount, ALateMessageWasNotLost) {
  const SequenceCount count = counted({0, 1, 3, 2, 4});
  EXPECT_EQ(count.received(), 5);
  EXPECT_EQ(count.lost(), 0);
  EXPECT_EQ(count.out_of_order(), 1);
}

TEST(SequenceCount, ADuplicateIsNothing) {
  const SequenceCount count = counted({0, 2, 2, 0, 2});
  EXPECT_EQ(count.received(), 2);
  EXPECT_EQ(count.lost(), 1);
  EXPECT_EQ(count.out_of_order(), 0);
}

TEST(SequenceCount, WhatWasSentBeforeAnybodyListenedIsNotLost) {
  const SequenceCount count = counted({1000, 999, 1001});
  EXPECT_EQ(count.lost(), 0);
  EXPECT_EQ(count.out_of_order(), 1);
}

TEST(SequenceCount, AnotherStreamIsNoGap) {
  SequenceCount count;
  count.take(7, 100);
  count.take(8, 0);
  count.take(7, 101);
  count.take(8, 2);
  EXPECT_EQ(count.received(), 4);
  EXPECT_EQ(count.lost(), 1);
}

// Messages lost and shuffled within 64 of each other: both counts are exact.
RC_GTEST_PROP(SequenceCount, CountsExactlyWithinItsWindow, ()) {
  std::vector<std::uint64_t> sent{0};
  const auto kept = *rc::gen::container<std::vector<bool>>(200, rc::gen::arbitrary<bool>());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i]) sent.push_back(i + 1);
  }
  for (std::size_t i = 1; i + 1 < sent.size(); i += 2) {
    if (*rc::gen::arbitrary<bool>()) std::swap(sent[i], sent[i + 1]);
  }
  std::int64_t late = 0;
  std::uint64_t newest = 0;
  for (const std::uint64_t sequence : sent) {
    late += sequence < newest ? 1 : 0;
    newest = std::max(newest, sequence);
  }
  const SequenceCount count = counted(sent);
  RC_ASSERT(count.received() == static_cast<std::int64_t>(sent.size()));
  RC_ASSERT(count.lost() == static_cast<std::int64_t>(newest + 1 - sent.size()));
  RC_ASSERT(count.out_of_order() == late);
}

// Whoever sends chooses the numbers.
RC_GTEST_PROP(SequenceCount, AnyNumbersAreCountedSomehow,
              (const std::vector<std::pair<std::uint8_t, std::uint64_t>>& messages)) {
  SequenceCount count;
  for (const auto& [stream, sequence] : messages) count.take(stream, sequence);
  RC_ASSERT(count.received() <= static_cast<std::int64_t>(messages.size()));
  RC_ASSERT(count.lost() >= 0);
}

}  // namespace
}  // namespace godwit::guest
