#include "delayed_frames.h"

#include <algorithm>

#include "network.h"

namespace godwit::lab {

void DelayedFrames::push(std::size_t from, std::span<const std::byte> frame, TimePoint now) {
  const Bytes size(static_cast<std::int64_t>(frame.size()));
  if (held_ + size > most_) return;
  held_ += size;
  frames_.push_back({now + delay_, from, {frame.begin(), frame.end()}});
}

const DelayedFrames::Frame* DelayedFrames::due(TimePoint now) const {
  return frames_.empty() || frames_.front().due > now ? nullptr : &frames_.front();
}

void DelayedFrames::pop() {
  held_ -= Bytes(static_cast<std::int64_t>(frames_.front().bytes.size()));
  frames_.pop_front();
}

std::optional<TimePoint> DelayedFrames::next_due() const {
  return frames_.empty() ? std::nullopt : std::optional(frames_.front().due);
}

bool is_for(std::span<const std::byte> frame, std::size_t from, std::size_t port) {
  constexpr auto kGroup = std::byte{1};  // of the first byte of a destination
  const MacAddress mac = migration_mac(port);
  if (port == from || frame.size() < mac.size()) return false;
  return (frame[0] & kGroup) != std::byte{} ||
         std::equal(mac.begin(), mac.end(), frame.begin(),
                    [](std::uint8_t ours, std::byte theirs) { return std::byte{ours} == theirs; });
}

}  // namespace godwit::lab
