#pragma once

#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/units.h"
#include "godwit/domain/guest_profile.h"
#include "godwit/domain/prediction.h"

/// W(t): memory in unique pages that a guest writes within t, for every t, from the few windows
/// that a profile measured.

namespace godwit::model {

/// How a curve goes on beyond the last window T that was measured.
struct Tail {
  /// Growth beyond T: `saturation` * (1 - exp(-decay * (t - T))), or, where decay is 0,
  /// `slope` * (t - T). In bytes and 1/s.
  double saturation = 0;
  double decay = 0;
  double slope = 0;
};

/// One never-falling curve through (0, 0) and measured points; never above a ceiling.
///
/// Between points: monotone cubic (Fritsch and Carlson, 1980), so a measured curve without a bump
/// gets none. Numbers are plain doubles in seconds and bytes: this is the predictors' inner loop.
class Growth {
 public:
  struct Knot {
    double seconds = 0;
    double bytes = 0;
    double slope = 0;
  };

  /// `knots`: ascending from (0, 0), bytes never falling; slopes are computed here.
  Growth(std::vector<Knot> knots, Tail tail, double ceiling_bytes);

  [[nodiscard]] double bytes_at(double seconds) const;
  /// The shortest time within which `bytes` are written; kForever when they never are.
  [[nodiscard]] double seconds_at(double bytes) const;

  /// The same guest when it dirties so many times as much within any time.
  [[nodiscard]] Growth higher(double factor) const;

  static constexpr double kForever = 1e9;

 private:
  [[nodiscard]] double raw(double seconds) const;
  [[nodiscard]] double tail_seconds(double bytes) const;

  std::vector<Knot> knots_;
  Tail tail_;
  double ceiling_;
};

/// W(t) as likely, and the bounds of its 90 % interval.
///
/// Below the first window it is as finer sources saw it, and within bounds where none did: the
/// chance that a guest rewrites a small set all the time (model/short_windows.h says how).
///
/// Beyond the last window T the likely curve saturates exponentially, with the decay that its
/// slopes over (T/4, T/2) and (T/2, T) show: exact for a writer that picks pages of its working set
/// at random, W = S (1 - exp(-r t / S)), and, where the slope does not fall, linear: exact for a
/// sequential one. A guest that mixes hot and cold pages lies above the first rule and below the
/// last slope, so the upper bound goes on linearly with the mean slope over (T/2, T), and the lower
/// one grows half as much as the likely one: the interval widens with distance. All stay within
/// RAM.
class DirtyCurve {
 public:
  /// Where another source of the profile looked longer and agrees on what both saw, the curve goes
  /// on as that one does; below its first window it does as content hashes saw, and they as the
  /// pages that they watched. kBadInput when the profile has no curve or a broken one.
  static Result<DirtyCurve> from_profile(const GuestProfile& profile);

  /// From points alone, of a guest of so much RAM.
  static Result<DirtyCurve> from_points(const std::vector<DirtyPoint>& points, Bytes ram);

  [[nodiscard]] const Growth& likely() const { return likely_; }
  [[nodiscard]] const Growth& low() const { return low_; }
  [[nodiscard]] const Growth& high() const { return high_; }
  /// The curve at a standard normal quantile: likely() at 0, low() and high() at -kNormal95 and
  /// kNormal95, linear between and beyond them.
  [[nodiscard]] Growth at(double z) const;

  /// The three at one window; p05 <= p50 <= p95.
  [[nodiscard]] Interval<Bytes> within(Seconds window) const;

 private:
  DirtyCurve(Growth likely, Growth low, Growth high, std::vector<double> windows, double ram);

  std::vector<double> windows_;  ///< that were measured, ascending
  double ram_;
  Growth likely_;
  Growth low_;
  Growth high_;
};

/// Closed form: pages of a working set `size` written at random, `rate` in bytes of pages per
/// second (open loop): S (1 - exp(-r t / S)).
[[nodiscard]] Bytes uniform_writer(Bytes working_set, BytesPerSecond rate, Seconds window);
/// Closed form: a working set written in address order again and again: min(r t, S).
[[nodiscard]] Bytes sequential_writer(Bytes working_set, BytesPerSecond rate, Seconds window);

}  // namespace godwit::model
