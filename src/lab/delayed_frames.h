#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"

namespace godwit::lab {

/// Frames on their way, all of which take equally long. Pure: time is handed in and never goes
/// back.
class DelayedFrames {
 public:
  struct Frame {
    TimePoint due;
    std::size_t from = 0;  ///< the port on which it came
    std::vector<std::byte> bytes;
  };

  /// `most`: what is under way at once; what comes beyond it is lost, as in a switch.
  DelayedFrames(Seconds delay, Bytes most) : delay_(delay), most_(most) {}

  void push(std::size_t from, std::span<const std::byte> frame, TimePoint now);
  /// The next one that has arrived by now; null where none has.
  [[nodiscard]] const Frame* due(TimePoint now) const;
  /// That one is delivered.
  void pop();
  [[nodiscard]] std::optional<TimePoint> next_due() const;

 private:
  Seconds delay_;
  Bytes most_;
  Bytes held_{};
  std::deque<Frame> frames_;
};

/// Is an Ethernet frame that came on `from` for the host on `port`? By the addresses of
/// `migration_mac`; what is for many is for all others.
bool is_for(std::span<const std::byte> frame, std::size_t from, std::size_t port);

}  // namespace godwit::lab
