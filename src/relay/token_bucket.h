#pragma once

#include <deque>
#include <optional>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"

namespace godwit::relay {

/// A rate as an allowance that grows with time. A sender that has nothing to send saves up 2 ms of
/// the rate. One that waits for the allowance, and whose caller is late, saves up 10 ms, so that a
/// busy machine does not cost it its rate. In no 100 ms more than 102 % is allowed. Pure: time is
/// handed in and never goes back. Without a rate everything is allowed.
class TokenBucket {
 public:
  explicit TokenBucket(std::optional<BytesPerSecond> rate) : rate_(rate) {}

  /// What was carried before no longer counts.
  void set_rate(std::optional<BytesPerSecond> rate);
  /// Brings the allowance up to `now`.
  void refill(TimePoint now);
  /// What may be carried now. 0 from when the allowance is used up until 1 ms of the rate is back,
  /// so that a caller is not woken for crumbs.
  [[nodiscard]] Bytes allowance() const;
  /// `carried` is at most the allowance.
  void take(Bytes carried);
  /// When the allowance is no longer 0, at the earliest; nothing where it is not 0.
  [[nodiscard]] std::optional<TimePoint> opens_at() const;
  [[nodiscard]] bool limits() const { return rate_.has_value(); }

 private:
  struct Carried {
    TimePoint at;
    double bytes = 0;
  };
  [[nodiscard]] double of_rate(Seconds time) const { return rate_->value() * time.count(); }
  [[nodiscard]] double room() const;  ///< in the last 100 ms

  std::optional<BytesPerSecond> rate_;
  TimePoint filled_at_{};
  double tokens_ = 0;             ///< bytes
  std::deque<Carried> window_;    ///< in the last 100 ms, oldest first
  double carried_in_window_ = 0;  ///< bytes
  bool closed_ = false;           ///< used up, and not back yet
};

}  // namespace godwit::relay
