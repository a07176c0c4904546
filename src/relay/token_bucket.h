#pragma once

#include <optional>

#include "godwit/base/clock.h"
#include "godwit/base/units.h"

namespace godwit::relay {

/// A rate as an allowance that grows with time, up to 2 ms of the rate. So any span of time t
/// carries at most rate × t + 2 ms of it: 2 % too much in 100 ms. What a late caller misses beyond
/// that is lost. Pure: time is handed in and never goes back. Without a rate everything is allowed.
class TokenBucket {
 public:
  explicit TokenBucket(std::optional<BytesPerSecond> rate) : rate_(rate) {}

  void set_rate(std::optional<BytesPerSecond> rate);
  /// Brings the allowance up to `now`.
  void refill(TimePoint now);
  /// What may be carried now. 0 from when the allowance is used up until half of it is back, so
  /// that a caller is not woken for crumbs.
  [[nodiscard]] Bytes allowance() const;
  /// `carried` is at most the allowance.
  void take(Bytes carried);
  /// When the allowance is no longer 0, at the earliest; nothing where it is not 0.
  [[nodiscard]] std::optional<TimePoint> opens_at() const;
  [[nodiscard]] bool limits() const { return rate_.has_value(); }

 private:
  [[nodiscard]] double depth() const;

  std::optional<BytesPerSecond> rate_;
  TimePoint filled_at_{};
  double tokens_ = 0;  ///< bytes
  bool closed_ = true;
};

}  // namespace godwit::relay
