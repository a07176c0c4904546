#pragma once

#include <deque>
#include <optional>

#include "godwit/base/units.h"

/// Private to steer: how fast a running migration goes.

namespace godwit::steer {

/// Of the last 2 s in which data went. Pages of zeros lie together, cost next to nothing, and say
/// nothing of what follows: looks between which hardly anything else went do not count.
class Pace {
 public:
  /// To be told at each look what was sent since the start, and what is left of the pass.
  void look(Seconds at, Bytes sent, Bytes left);
  /// On the stream. Nothing while half a second of it was not seen yet, or nothing is sent.
  [[nodiscard]] std::optional<BytesPerSecond> sent() const;
  /// How fast less is left; likewise.
  [[nodiscard]] std::optional<BytesPerSecond> done() const;

 private:
  struct Step {
    Seconds from{};
    Seconds to{};
    Bytes sent;
    Bytes done;
  };
  [[nodiscard]] std::optional<BytesPerSecond> rate_of(Bytes Step::*what) const;

  std::deque<Step> steps_;
  std::optional<Seconds> at_;
  Bytes sent_;
  Bytes left_;
};

}  // namespace godwit::steer
