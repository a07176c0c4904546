#pragma once

#include <algorithm>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"

namespace godwit::relay {

/// What was carried beyond a rate: it rises by every byte and falls by the rate, never below zero.
/// Its highest level is the most by which any span of time carried more than rate x time.
class Level {
 public:
  explicit Level(BytesPerSecond rate) : rate_(rate) {}
  Bytes after(TimePoint now, Bytes carried) {
    level_ = std::max(level_ - rate_ * (now - at_), Bytes(0)) + carried;
    at_ = now;
    return level_;
  }

 private:
  BytesPerSecond rate_;
  TimePoint at_{};
  Bytes level_{};
};

}  // namespace godwit::relay
