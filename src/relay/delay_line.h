#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"

namespace godwit::relay {

/// Bytes, and the end of a stream, that come out a fixed time after they went in, in their order.
/// Pure: time is handed in and never goes back.
class DelayLine {
 public:
  /// `most`: what it holds at once, as the window of a connection does.
  DelayLine(Seconds delay, Bytes most) : delay_(delay), most_(most) {}

  [[nodiscard]] Bytes room() const { return most_ - held_; }
  [[nodiscard]] Bytes held() const { return held_; }
  /// Not after end(); may take more than `room`.
  void push(std::span<const std::byte> bytes, TimePoint now);
  void end(TimePoint now);

  /// What comes out now, in part where it came in pieces; empty when nothing is due.
  [[nodiscard]] std::span<const std::byte> due(TimePoint now) const;
  /// Those first bytes of due() are gone.
  void pop(std::size_t bytes);
  /// All bytes are gone and the end is due.
  [[nodiscard]] bool ended(TimePoint now) const;
  /// When the next piece, or the end, comes out; nothing when there is neither.
  [[nodiscard]] std::optional<TimePoint> next_due() const;

 private:
  struct Piece {
    TimePoint due;
    std::vector<std::byte> bytes;
    std::size_t gone = 0;
  };
  Seconds delay_;
  Bytes most_;
  Bytes held_{};
  std::deque<Piece> pieces_;
  std::optional<TimePoint> end_;
};

}  // namespace godwit::relay
