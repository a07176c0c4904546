#include "godwit/model/dirty_curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "godwit/base/statistics.h"
#include "godwit/model/seen_share.h"
#include "hashed_curve.h"
#include "short_windows.h"
#include "trace_curve.h"

namespace godwit::model {
namespace {

using Knot = Growth::Knot;

/// Places beyond the last window, each twice as far, between which a mixed curve is as smooth as
/// those it is mixed of: up to 64 times the observation.
constexpr int kFarKnots = 6;

/// Slope at an end of a monotone cubic from the two nearest segments, limited so that the curve
/// cannot fall (three times the segment's slope: Fritsch and Carlson's bound).
double end_slope(double h0, double h1, double d0, double d1) {
  return std::clamp(((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1), 0.0, 3 * d0);
}

void set_slopes(std::vector<Knot>& k) {
  const std::size_t n = k.size();
  const auto h = [&k](std::size_t i) { return k[i + 1].seconds - k[i].seconds; };
  const auto d = [&k, &h](std::size_t i) { return (k[i + 1].bytes - k[i].bytes) / h(i); };
  if (n == 2) {
    k[0].slope = k[1].slope = d(0);
    return;
  }
  for (std::size_t i = 1; i + 1 < n; ++i) {
    const double before = d(i - 1);
    const double after = d(i);
    if (before <= 0 || after <= 0) {
      k[i].slope = 0;
      continue;
    }
    // weighted harmonic mean: stays below three times either slope
    const double w1 = 2 * h(i) + h(i - 1);
    const double w2 = h(i) + 2 * h(i - 1);
    k[i].slope = (w1 + w2) / (w1 / before + w2 / after);
  }
  k[0].slope = end_slope(h(0), h(1), d(0), d(1));
  k[n - 1].slope = end_slope(h(n - 2), h(n - 3), d(n - 2), d(n - 3));
}

/// Cubic Hermite between two knots, by u = 0...1.
struct Cubic {
  Cubic(const Knot& a, const Knot& b) : c0(a.bytes) {
    const double length = b.seconds - a.seconds;
    const double rise = b.bytes - a.bytes;
    c1 = length * a.slope;
    c2 = 3 * rise - length * (2 * a.slope + b.slope);
    c3 = length * (a.slope + b.slope) - 2 * rise;
  }
  [[nodiscard]] double at(double u) const { return c0 + u * (c1 + u * (c2 + u * c3)); }
  [[nodiscard]] double slope(double u) const { return c1 + u * (2 * c2 + u * 3 * c3); }

  double c0, c1, c2, c3;
};

/// Where the cubic reaches `bytes`: Newton's steps, and a halving where one leads out of the
/// bracket; there is one place, since the cubic never falls. To 1e-12 of the segment.
double invert_hermite(const Knot& a, const Knot& b, double bytes) {
  const Cubic cubic(a, b);
  double low = 0;
  double high = 1;
  double u = (bytes - a.bytes) / (b.bytes - a.bytes);
  for (int i = 0; i < 60; ++i) {
    const double off = cubic.at(u) - bytes;
    (off < 0 ? low : high) = u;
    double next = u - off / cubic.slope(u);
    if (!(next > low && next < high)) next = (low + high) / 2;
    const double step = std::abs(next - u);
    u = next;
    if (step < 1e-12) break;
  }
  return a.seconds + (b.seconds - a.seconds) * u;
}

/// The likely tail: see DirtyCurve. With y = exp(-decay * T / 4), mean slopes s1 over (T/4, T/2)
/// and s2 over (T/2, T) of an exponential give s2 / s1 = y (1 + y) / 2.
Tail likely_tail(const Growth& curve, double last) {
  const double quarter = curve.bytes_at(last / 4);
  const double half = curve.bytes_at(last / 2);
  const double full = curve.bytes_at(last);
  const double s1 = (half - quarter) / (last / 4);
  const double s2 = (full - half) / (last / 2);
  if (s2 <= 0) return {};
  if (s2 >= s1) return {.saturation = 0, .decay = 0, .slope = s2};
  const double y = (std::sqrt(1 + 8 * s2 / s1) - 1) / 2;
  return {.saturation = (full - half) * y * y / (1 - y * y),
          .decay = -4 * std::log(y) / last,
          .slope = s2};
}

/// Goes on with what another source saw in longer windows, if both saw the same in those that they
/// have in common. (They do not where stores are silent.)
void extend(std::vector<DirtyPoint>& points, const std::vector<DirtyPoint>& longer) {
  constexpr double kAgree = 0.7;
  const DirtyPoint last = points.back();
  const double here = last.unique.as_double();
  const double there = unique_at(longer, last.window);
  if (!(there > 0) || here < kAgree * there || there < kAgree * here) return;
  for (const DirtyPoint& point : longer) {
    if (!(point.window > points.back().window) || !std::isfinite(point.window.count())) continue;
    const Ratio scale(here / there);
    const auto scaled = [&](Bytes bytes) { return bytes * scale; };
    points.push_back({point.window, scaled(point.unique), scaled(point.low), scaled(point.high)});
  }
}

/// Of content hashes, from a slot of the trace on; empty where they did not look.
std::vector<DirtyPoint> hashed_points(const GuestProfile& profile) {
  const std::vector<DirtyPoint>* const hashed = hashed_curve(profile);
  if (hashed == nullptr || hashed->empty()) return {};
  if (!profile.write_trace) return *hashed;
  return with_finer(*hashed, finer_points(*profile.write_trace, hashed->front(), profile.ram));
}

/// The profile's curve, as far as any of its sources saw.
std::vector<DirtyPoint> all_points(const GuestProfile& profile) {
  std::vector<DirtyPoint> points = hashed_points(profile);
  if (profile.source != DirtySource::kContentHash) points = with_finer(profile.dirty_curve, points);
  for (const SourcedCurve& other : profile.other_curves) extend(points, other.points);
  return points;
}

/// Takes one of the three values of each point; never falling, and within RAM.
std::vector<Knot> knots_of(const std::vector<DirtyPoint>& points, Bytes ram,
                           Bytes DirtyPoint::*value) {
  std::vector<Knot> knots{{}};
  knots.reserve(points.size() + 1);
  for (const DirtyPoint& point : points) {
    const double bytes = std::min((point.*value).as_double(), ram.as_double());
    knots.push_back({point.window.count(), std::max(bytes, knots.back().bytes), 0});
  }
  return knots;
}

Result<void> check(const std::vector<DirtyPoint>& curve, Bytes ram) {
  const auto bad = [](std::string what) {
    return fail(ErrorCode::kBadInput, std::move(what), "take the profile again: godwit profile VM");
  };
  if (ram <= Bytes(0)) return bad("the profile says that the VM has no RAM");
  if (curve.empty()) return bad("the profile has no dirty curve");
  Seconds before{};
  for (const DirtyPoint& point : curve) {
    if (!(point.window > before) || !std::isfinite(point.window.count())) {
      return bad(
          fmt::format("the dirty curve's windows do not ascend at {} s", point.window.count()));
    }
    if (point.low < Bytes(0) || point.low > point.unique || point.unique > point.high) {
      return bad(fmt::format("the dirty curve has no order low <= unique <= high at {} s",
                             point.window.count()));
    }
    before = point.window;
  }
  return {};
}

}  // namespace

Growth::Growth(std::vector<Knot> knots, Tail tail, double ceiling_bytes)
    : knots_(std::move(knots)), tail_(tail), ceiling_(ceiling_bytes) {
  set_slopes(knots_);
}

Growth Growth::higher(double factor) const {
  Growth scaled = *this;
  for (Knot& knot : scaled.knots_) {
    knot.bytes *= factor;
    knot.slope *= factor;
  }
  scaled.tail_.saturation *= factor;
  scaled.tail_.slope *= factor;
  return scaled;
}

double Growth::bytes_at(double seconds) const {
  return std::min(raw(seconds), ceiling_);
}

double Growth::raw(double t) const {
  if (t <= 0) return 0;
  const Knot& last = knots_.back();
  if (t >= last.seconds) {
    const double beyond = t - last.seconds;
    return last.bytes + (tail_.decay > 0 ? -tail_.saturation * std::expm1(-tail_.decay * beyond)
                                         : tail_.slope * beyond);
  }
  std::size_t i = 1;
  while (knots_[i].seconds <= t) ++i;  // a dozen knots: faster than a binary search
  const Knot& a = knots_[i - 1];
  const Knot& b = knots_[i];
  return Cubic(a, b).at((t - a.seconds) / (b.seconds - a.seconds));
}

double Growth::seconds_at(double bytes) const {
  if (bytes <= 0) return 0;
  if (bytes > ceiling_) return kForever;
  if (bytes > knots_.back().bytes) return tail_seconds(bytes);
  std::size_t i = 1;
  while (knots_[i].bytes < bytes) ++i;
  return invert_hermite(knots_[i - 1], knots_[i], bytes);
}

double Growth::tail_seconds(double bytes) const {
  const Knot& last = knots_.back();
  const double growth = bytes - last.bytes;
  double beyond = kForever;
  if (tail_.decay > 0) {
    if (growth < tail_.saturation) beyond = -std::log1p(-growth / tail_.saturation) / tail_.decay;
  } else if (tail_.slope > 0) {
    beyond = growth / tail_.slope;
  }
  return std::min(kForever, last.seconds + beyond);
}

DirtyCurve::DirtyCurve(Growth likely, Growth low, Growth high, std::vector<double> windows,
                       double ram)
    : windows_(std::move(windows)),
      ram_(ram),
      likely_(std::move(likely)),
      low_(std::move(low)),
      high_(std::move(high)) {}

/// Beyond the bounds the wide ones, which are those of the shortest windows, would cross the narrow
/// ones: what was measured counts.
Growth DirtyCurve::at(double z) const {
  const Growth& bound = z < 0 ? low_ : high_;
  const double share = std::abs(z) / kNormal95;
  std::vector<Knot> knots{{}};
  knots.reserve(windows_.size() + kFarKnots + 1);
  for (const double window : windows_) knots.push_back({window, 0, 0});
  for (int i = 0; i < kFarKnots; ++i) knots.push_back({knots.back().seconds * 2, 0, 0});
  double later = ram_;
  for (std::size_t i = knots.size(); i-- > 1;) {
    const double likely = likely_.bytes_at(knots[i].seconds);
    const double bytes = likely + share * (bound.bytes_at(knots[i].seconds) - likely);
    later = knots[i].bytes = std::clamp(bytes, 0.0, later);
  }
  const Knot& last = knots.back();
  const Knot& before = knots[knots.size() - 2];
  const double slope = (last.bytes - before.bytes) / (last.seconds - before.seconds);
  return Growth(std::move(knots), {0, 0, slope}, ram_);
}

Result<DirtyCurve> DirtyCurve::from_profile(const GuestProfile& profile) {
  GODWIT_CHECK_OK(check(profile.dirty_curve, profile.ram));
  return from_points(all_points(profile), profile.ram);
}

Result<DirtyCurve> DirtyCurve::from_points(const std::vector<DirtyPoint>& measured_points,
                                           Bytes of_ram) {
  GODWIT_CHECK_OK(check(measured_points, of_ram));
  const std::vector<DirtyPoint> points = with_short_windows(measured_points);
  const double ram = of_ram.as_double();
  const double last = points.back().window.count();
  const auto knots_by = [&](Bytes DirtyPoint::*value) { return knots_of(points, of_ram, value); };
  const std::vector<Knot> knots = knots_by(&DirtyPoint::unique);
  const Tail tail = likely_tail(Growth(knots, {}, ram), last);
  const Tail slow{tail.saturation / 2, tail.decay, tail.slope / 2};
  // the upper bound's slope rises with its last point, as both come from the same sample
  const double measured = points.back().unique.as_double();
  const double above = measured > 0 ? points.back().high.as_double() / measured : 1.0;
  const Tail straight{0, 0, tail.slope * above};
  std::vector<double> windows;
  windows.reserve(points.size());
  for (const DirtyPoint& point : points) windows.push_back(point.window.count());
  return DirtyCurve(Growth(knots, tail, ram), Growth(knots_by(&DirtyPoint::low), slow, ram),
                    Growth(knots_by(&DirtyPoint::high), straight, ram), std::move(windows), ram);
}

Interval<Bytes> DirtyCurve::within(Seconds window) const {
  const double t = window.count();
  const auto at = [t](const Growth& growth) {
    return Bytes(static_cast<std::int64_t>(std::llround(growth.bytes_at(t))));
  };
  const Bytes likely = at(likely_);
  // cubics through ordered points may cross between them by a sliver
  return {.p50 = likely, .p05 = std::min(at(low_), likely), .p95 = std::max(at(high_), likely)};
}

Bytes uniform_writer(Bytes working_set, BytesPerSecond rate, Seconds window) {
  const double share = -std::expm1(-rate.value() * window.count() / working_set.as_double());
  return working_set * Ratio(share);
}

Bytes sequential_writer(Bytes working_set, BytesPerSecond rate, Seconds window) {
  return std::min(working_set, rate * window);
}

}  // namespace godwit::model
