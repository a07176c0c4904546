#include "pace.h"

#include <utility>

namespace godwit::steer {
namespace {

constexpr Seconds kOfLate{2};
/// A rate of less time is a burst's: QEMU sends by tenths of a second.
constexpr Seconds kLeastSeen{0.5};
/// Where less than this share of what is done was sent, it was zeros.
constexpr Ratio kMostlyZeros{0.1};

}  // namespace

/// What is left rises with a sync: that step tells what was sent alone.
void Pace::look(Seconds at, Bytes sent, Bytes left) {
  const std::optional<Seconds> before = std::exchange(at_, at);
  const Step step{before.value_or(at), at, sent - std::exchange(sent_, sent),
                  std::exchange(left_, left) - left};
  if (!before || step.to <= step.from || step.sent < Bytes()) return;
  if (step.done > Bytes() && step.sent < step.done * kMostlyZeros) return;
  steps_.push_back(step);
  while (at - steps_.front().to >= kOfLate) steps_.pop_front();
}

std::optional<BytesPerSecond> Pace::rate_of(Bytes Step::*what) const {
  Seconds time{};
  Bytes sum;
  for (const Step& step : steps_) {
    if (step.*what < Bytes()) continue;
    time += step.to - step.from;
    sum += step.*what;
  }
  if (time < kLeastSeen || sum <= Bytes()) return std::nullopt;
  return sum / time;
}

std::optional<BytesPerSecond> Pace::sent() const {
  return rate_of(&Step::sent);
}

std::optional<BytesPerSecond> Pace::done() const {
  return rate_of(&Step::done);
}

}  // namespace godwit::steer
