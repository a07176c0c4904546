#include "delay_line.h"

namespace godwit::relay {

void DelayLine::push(std::span<const std::byte> bytes, TimePoint now) {
  if (bytes.empty()) return;
  pieces_.push_back({now + delay_, {bytes.begin(), bytes.end()}});
  held_ += Bytes(static_cast<std::int64_t>(bytes.size()));
}

void DelayLine::end(TimePoint now) {
  end_ = now + delay_;
}

std::span<const std::byte> DelayLine::due(TimePoint now) const {
  if (pieces_.empty() || pieces_.front().due > now) return {};
  const Piece& first = pieces_.front();
  return std::span(first.bytes).subspan(first.gone);
}

void DelayLine::pop(std::size_t bytes) {
  Piece& first = pieces_.front();
  first.gone += bytes;
  held_ -= Bytes(static_cast<std::int64_t>(bytes));
  if (first.gone == first.bytes.size()) pieces_.pop_front();
}

bool DelayLine::ended(TimePoint now) const {
  return end_ && *end_ <= now && pieces_.empty();
}

std::optional<TimePoint> DelayLine::next_due() const {
  if (!pieces_.empty()) return pieces_.front().due;
  return end_;
}

}  // namespace godwit::relay
