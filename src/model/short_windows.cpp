#include "short_windows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "godwit/model/seen_share.h"

namespace godwit::model {
namespace {

/// By first windows: a set that is written faster than this is there from the start.
constexpr double kFastest = 64;
/// Windows that differ by less than to this share are one.
constexpr double kShorter = 0.75;
/// No migration's last pass is shorter that matters: limits below are nobody's.
constexpr Seconds kShortest{0.01};
/// A curve whose bounds are no further apart, as a share of its first point, is straight.
constexpr double kStraight = 0.01;

/// What is written within less than a first window, as a share of what is within that.
struct ShareWritten {
  double low = 0;
  double likely = 0;
  double high = 0;
};

/// k, by first windows, of the writer at random who writes `growth` times as much within `longer`
/// first windows: (1 - exp(-k longer)) / (1 - exp(-k)) falls from `longer` (k = 0) to 1.
double decay_of(double longer, double growth) {
  constexpr double kSlowest = 1e-6;
  constexpr int kSteps = 50;
  const auto grows = [longer](double k) { return std::expm1(-k * longer) / std::expm1(-k); };
  if (growth >= grows(kSlowest)) return 0;
  double slow = kSlowest;
  double fast = kFastest;
  for (int i = 0; i < kSteps; ++i) {
    const double k = std::sqrt(slow * fast);
    (grows(k) > growth ? slow : fast) = k;
  }
  return slow;
}

/// A point of a curve, by its first one.
struct Later {
  double window = 0;   ///< more than 1
  double written = 0;  ///< never less than that of the point before
};

double slope_between(const Later& a, const Later& b) {
  return std::clamp((b.written - a.written) / (b.window - a.window), 0.0, 1.0);
}

/// Writes steadily, and beside that at random over a set.
struct Writer {
  double steady = 0;  ///< share of what it writes within a first window
  double decay = 0;   ///< of the rest; 0: steady, too

  [[nodiscard]] double within(double t) const {
    const double rest = decay > 0 ? std::expm1(-decay * t) / std::expm1(-decay) : t;
    return steady * t + (1 - steady) * rest;
  }
};

/// The one that comes through a curve's first point, and another.
Writer writer_through(const Later& second, double steady) {
  const double rest = 1 - steady;
  if (rest < kStraight) return {};
  return {steady, decay_of(second.window, (second.written - steady * second.window) / rest)};
}

/// How writing begins, by a curve's first points.
class Onset {
 public:
  explicit Onset(const std::vector<Later>& later) {
    if (later.empty()) return;
    slope_ = slope_between({1, 1}, later[0]);
    at_random_ = with_trend_ = writer_through(later[0], 0);
    if (later.size() < 2) return;
    with_trend_ = writer_through(later[0], std::min(slope_, slope_between(later[0], later[1])));
  }

  /// `t`: in first windows, 0...1.
  [[nodiscard]] ShareWritten at(double t) const {
    const double likely = (at_random_.within(t) + with_trend_.within(t)) / 2;
    const double most = 1 - slope_ * (1 - t);
    return {t, std::clamp(likely, t, most), most};
  }
  [[nodiscard]] bool is_straight() const { return 1 - slope_ < kStraight; }

 private:
  double slope_ = 1;  ///< between the first two points, of that from (0, 0) to the first
  Writer at_random_;
  Writer with_trend_;
};

/// Of what a source does not see of a curve, `seen` being what it does at a window; of all of it
/// where that is nothing.
template <class Seen>
Onset onset_of(const std::vector<DirtyPoint>& curve, const Seen& seen) {
  const auto rest = [&](const DirtyPoint& point) {
    return point.unique.as_double() - seen(point.window);
  };
  const double first = rest(curve.front());
  std::vector<Later> later;
  for (std::size_t i = 1; first > 0 && i < std::min<std::size_t>(curve.size(), 3); ++i) {
    const double before = later.empty() ? 1 : later.back().written;
    later.push_back(
        {curve[i].window / curve.front().window, std::max(rest(curve[i]) / first, before)});
  }
  return Onset(later);
}

/// `first`, as if it were a shorter window's.
DirtyPoint part_of(const DirtyPoint& first, Seconds window, const ShareWritten& share) {
  return {window, first.unique * Ratio(share.likely), first.low * Ratio(share.low),
          first.high * Ratio(share.high)};
}

double share_of(Bytes part, Bytes whole) {
  return whole > Bytes() ? std::min(1.0, part / whole) : 1;
}

/// A curve's first window, of which another source sees a part.
class PartlySeen {
 public:
  /// `there`: what `finer` saw within the first window, more than nothing.
  PartlySeen(const std::vector<DirtyPoint>& curve, const std::vector<DirtyPoint>& finer,
             double there)
      : there_(there),
        whole_(point_at(finer, curve.front().window)),
        seen_(std::min(1.0, there / curve.front().unique.as_double())),
        hidden_(onset_of(curve, [&](Seconds window) { return unique_at(finer, window); })) {}

  /// `t`: of the first window. `fine`: of the other source, within that.
  [[nodiscard]] ShareWritten at(double t, const DirtyPoint& fine) const {
    const ShareWritten seen = seen_at(fine);
    const ShareWritten hidden = hidden_.at(t);
    const auto both = [&](double ShareWritten::*value) {
      return seen_ * seen.*value + (1 - seen_) * hidden.*value;
    };
    const double likely = std::clamp(both(&ShareWritten::likely), t, 1.0);
    return {std::clamp(both(&ShareWritten::low), t, likely), likely,
            std::clamp(both(&ShareWritten::high), likely, 1.0)};
  }

 private:
  /// Of the pages that were seen to change within the first window those that did within this one,
  /// with the interval of such a share, or that of the finer source itself if it is wider.
  [[nodiscard]] ShareWritten seen_at(const DirtyPoint& fine) const {
    const double part = std::min(1.0, fine.unique.as_double() / there_);
    const double half = std::min(1.0, (whole_.high - whole_.low).as_double() / 2 / there_);
    const double error = half * std::sqrt(part * (1 - part));
    return {std::min(part - error, share_of(fine.low, whole_.low)), part,
            std::max(part + error, share_of(fine.high, whole_.high))};
  }

  /// The first point at or after a window; the last where there is none.
  static DirtyPoint point_at(const std::vector<DirtyPoint>& points, Seconds window) {
    const auto at = std::find_if(points.begin(), points.end(), [window](const DirtyPoint& point) {
      return point.window >= window;
    });
    return at == points.end() ? points.back() : *at;
  }

  double there_;
  DirtyPoint whole_;  ///< of the other source, at the first window
  double seen_;       ///< share of the writing that it sees
  Onset hidden_;
};

void put_before(std::vector<DirtyPoint> shorter, std::vector<DirtyPoint>& curve) {
  curve.insert(curve.begin(), shorter.begin(), shorter.end());
}

}  // namespace

std::vector<DirtyPoint> with_finer(std::vector<DirtyPoint> curve,
                                   const std::vector<DirtyPoint>& finer) {
  if (curve.empty() || finer.empty() || !(curve.front().unique > Bytes())) return curve;
  const DirtyPoint first = curve.front();
  const double there = unique_at(finer, first.window);
  if (!(there > 0)) return curve;
  const PartlySeen written(curve, finer, there);
  std::vector<DirtyPoint> shorter;
  for (const DirtyPoint& fine : finer) {
    if (!(fine.window <= first.window * kShorter)) break;
    if (!shorter.empty() && !(fine.window > shorter.back().window)) continue;
    shorter.push_back(part_of(first, fine.window, written.at(fine.window / first.window, fine)));
  }
  put_before(std::move(shorter), curve);
  return curve;
}

std::vector<DirtyPoint> with_short_windows(std::vector<DirtyPoint> curve) {
  if (curve.size() < 2 || !(curve.front().unique > Bytes())) return curve;
  const DirtyPoint first = curve.front();
  const Onset onset = onset_of(curve, [](Seconds) { return 0.0; });
  if (onset.is_straight()) return curve;
  // the upper bound's own line: where the first point is itself told by bounds, the likely one is
  // steeper
  const double slope =
      slope_between({1, 1}, {curve[1].window / first.window, curve[1].high / first.high});
  std::vector<DirtyPoint> shorter;
  for (Seconds window = first.window / 2.0; window >= kShortest; window /= 2.0) {
    const double t = window / first.window;
    ShareWritten share = onset.at(t);
    share.high = std::max(share.likely, 1 - slope * (1 - t));
    shorter.insert(shorter.begin(), part_of(first, window, share));
  }
  put_before(std::move(shorter), curve);
  return curve;
}

}  // namespace godwit::model
