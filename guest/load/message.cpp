#include "godwit/guest/message.h"

#include <algorithm>

namespace godwit::guest {
namespace {

constexpr std::uint32_t kMagic = 0x54574447;  // "GDWT" in memory

template <class T>
void put(std::span<char> into, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    into[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

template <class T>
T get(std::string_view from) {
  T value = 0;
  for (std::size_t i = sizeof(T); i > 0; --i) {
    value = static_cast<T>(value << 8 | static_cast<unsigned char>(from[i - 1]));
  }
  return value;
}

}  // namespace

void write_header(const MessageHeader& header, std::span<char, kMessageHeaderBytes> into) {
  put(into.subspan(0, 4), kMagic);
  put(into.subspan(4, 4), header.length);
  put(into.subspan(8, 8), header.sequence);
  put(into.subspan(16, 8), header.sent_ns);
  put(into.subspan(24, 8), header.stream);
}

std::optional<MessageHeader> read_header(std::string_view bytes) {
  if (bytes.size() < static_cast<std::size_t>(kMessageHeaderBytes)) return std::nullopt;
  if (get<std::uint32_t>(bytes) != kMagic) return std::nullopt;
  const MessageHeader header{
      get<std::uint32_t>(bytes.substr(4)), get<std::uint64_t>(bytes.substr(8)),
      get<std::uint64_t>(bytes.substr(16)), get<std::uint64_t>(bytes.substr(24))};
  if (header.length < kMessageHeaderBytes || header.length > kMostMessageBytes) {
    return std::nullopt;
  }
  return header;
}

SequenceCount::Stream* SequenceCount::find(std::uint64_t stream) {
  const auto found = std::ranges::find(streams_, stream, &Stream::id);
  return found == streams_.end() ? nullptr : &*found;
}

void SequenceCount::take(std::uint64_t stream, std::uint64_t sequence) {
  Stream* known = find(stream);
  if (known == nullptr) {
    if (streams_.size() == kMostStreams) streams_.pop_front();
    streams_.push_back({stream, sequence, 1, sequence});
    ++received_;
    return;
  }
  if (sequence <= known->newest) return take_old(*known, known->newest - sequence);
  const std::uint64_t step = sequence - known->newest;
  if (step > kMostGap) {  // not one of ours: begin anew with it
    known->first = sequence;
  } else {
    lost_ += static_cast<std::int64_t>(step - 1);
  }
  known->seen = step < 64 ? known->seen << step | 1 : 1;
  known->newest = sequence;
  ++received_;
}

void SequenceCount::take_old(Stream& stream, std::uint64_t age) {
  if (age < 64) {
    const std::uint64_t bit = 1ULL << age;
    if ((stream.seen & bit) != 0) return;  // a duplicate
    stream.seen |= bit;
  }
  ++received_;
  ++out_of_order_;
  const bool was_counted_as_lost = stream.newest - age >= stream.first;
  if (was_counted_as_lost && lost_ > 0) --lost_;
}

}  // namespace godwit::guest
