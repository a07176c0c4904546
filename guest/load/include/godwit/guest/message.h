// What senders send: messages that tell a receiver which ones are missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>

namespace godwit::guest {

// Every message begins with this header, little-endian; the rest is filler.
//   0  u32 magic "GDWT"     4  u32 length of the whole message, header included
//   8  u64 sequence number, from 0
//  16  u64 ns on the sender's monotonic clock when it was sent
//  24  u64 stream: another number for every start of a sender, so that a new one is no gap
inline constexpr std::int64_t kMessageHeaderBytes = 32;
inline constexpr std::int64_t kMostMessageBytes = 65507;  // what one UDP datagram over IPv4 holds

struct MessageHeader {
  std::uint32_t length = 0;
  std::uint64_t sequence = 0;
  std::uint64_t sent_ns = 0;
  std::uint64_t stream = 0;
  friend bool operator==(const MessageHeader&, const MessageHeader&) = default;
};

void write_header(const MessageHeader& header, std::span<char, kMessageHeaderBytes> into);
// Empty when the bytes are too few, or no header, or name an impossible length.
[[nodiscard]] std::optional<MessageHeader> read_header(std::string_view bytes);

// Counts what one receiver misses, over all streams that reach it. A message that is older than one
// before it is out of order; it was counted as lost until then. What is missing at the end of a
// stream nobody can know. Duplicates are not counted at all as long as they are among the last 64.
class SequenceCount {
 public:
  void take(std::uint64_t stream, std::uint64_t sequence);
  [[nodiscard]] std::int64_t received() const { return received_; }
  [[nodiscard]] std::int64_t lost() const { return lost_; }
  [[nodiscard]] std::int64_t out_of_order() const { return out_of_order_; }

 private:
  struct Stream {
    std::uint64_t id = 0;
    std::uint64_t newest = 0;
    std::uint64_t seen = 0;   // bit i: message `newest` - i came
    std::uint64_t first = 0;  // what was sent before anybody listened is not missing
  };
  Stream* find(std::uint64_t stream);
  void take_old(Stream& stream, std::uint64_t age);

  // Whoever sends chooses the numbers, so only so many streams are kept: the newest.
  static constexpr std::size_t kMostStreams = 64;
  // A jump beyond this is no loss that any network makes.
  static constexpr std::uint64_t kMostGap = 1ULL << 40;

  std::deque<Stream> streams_;
  std::int64_t received_ = 0;
  std::int64_t lost_ = 0;
  std::int64_t out_of_order_ = 0;
};

}  // namespace godwit::guest
