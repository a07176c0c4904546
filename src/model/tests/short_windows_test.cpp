#include "short_windows.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "godwit/base/rng.h"
#include "guests.h"

namespace godwit::model {
namespace {

using testing::CurveFunction;
using testing::guest;
using testing::sequential;
using testing::uniform;

constexpr Bytes kRam = 512_MiB;

std::vector<DirtyPoint> points_at(const CurveFunction& truth,
                                  std::initializer_list<double> windows) {
  std::vector<DirtyPoint> points;
  for (const double t : windows) {
    const Bytes unique = truth(Seconds(t));
    points.push_back({Seconds(t), unique, unique, unique});
  }
  return points;
}

/// Of a guest that a rehearsal saw in passes of 0.3 s and more, and hashes as they see it.
GuestProfile seen_by_both(const CurveFunction& truth, const CurveFunction& to_hashes) {
  GuestProfile profile = guest(kRam, 300_MB, to_hashes);
  profile.other_curves = {{DirtySource::kContentHash, "", profile.dirty_curve}};
  profile.source = DirtySource::kRehearsal;
  profile.dirty_curve = points_at(truth, {0.3, 0.5, 0.9});
  return profile;
}

DirtyCurve whole_curve(const GuestProfile& profile) {
  auto curve = DirtyCurve::from_profile(profile);
  EXPECT_TRUE(curve.has_value());
  return *curve;
}

/// The likely curve against the truth, as a share of that.
double hit(const GuestProfile& profile, const CurveFunction& truth, double t) {
  return whole_curve(profile).likely().bytes_at(t) / truth(Seconds(t)).as_double();
}

CurveFunction sum(const CurveFunction& a, const CurveFunction& b) {
  return [=](Seconds t) { return a(t) + b(t); };
}

const CurveFunction kBackground = sequential(64_MiB, 1_MB_per_s);

/// All of it is written again within some hundredths of a second.
CurveFunction hot(Bytes set, double seconds) {
  return sequential(set, set / Seconds(seconds));
}

TEST(ShortWindows, OfASmallSetThatHashesMissShowAllOfIt) {
  const CurveFunction truth = sum(uniform(6_MiB, 600_MB_per_s), kBackground);
  const GuestProfile profile = seen_by_both(truth, kBackground);
  EXPECT_NEAR(hit(profile, truth, 0.15), 1, 0.05) << "not half of it";
  EXPECT_GT(hit(profile, truth, 0.05), 0.7) << "not a sixth";
}

TEST(ShortWindows, AreThoseThatHashesSaw) {
  const CurveFunction truth = sum(hot(8_MiB, 0.04), kBackground);
  EXPECT_NEAR(hit(seen_by_both(truth, truth), truth, 0.125), 1, 0.01);
  // they say nothing of what they miss, and all of the rest
  const CurveFunction seen = sequential(80_MiB, 20_MB_per_s);
  const CurveFunction mixed = sum(hot(8_MiB, 0.04), seen);
  EXPECT_NEAR(hit(seen_by_both(mixed, seen), mixed, 0.125), 1, 0.02);
}

TEST(ShortWindows, GrowStraightWhereTheCurveDoes) {
  const CurveFunction truth = sequential(400_MiB, 30_MB_per_s);
  const GuestProfile profile = seen_by_both(truth, truth);
  for (const double t : {0.001, 0.02, 0.1, 0.2}) EXPECT_NEAR(hit(profile, truth, t), 1, 1e-6) << t;
  EXPECT_EQ(with_short_windows(profile.dirty_curve), profile.dirty_curve);
}

/// What 1000 pages, drawn at random, show in slots of 1/32 s of a guest that writes `pages` of them
/// one after the other, all within `period`, again and again.
WriteTrace trace_of(int pages, double period) {
  Rng rng(1);
  WriteTrace trace{Seconds(1.0 / 32), 256, PageCount(1000), {}};
  for (int page = 0; page < pages; ++page) {
    const double first = period * rng.uniform();
    const auto writes_until = [&](double t) { return std::floor((t - first) / period); };
    trace.changed.emplace_back();
    for (int slot = 0; slot < trace.slots; ++slot) {
      trace.changed.back().push_back(writes_until(slot / 32.0) < writes_until((slot + 1) / 32.0));
    }
  }
  return trace;
}

TEST(ShortWindows, AreToldByWatchedPages) {
  const CurveFunction truth = hot(32_MiB, 0.05);
  GuestProfile profile = guest(kRam, 300_MB, truth);
  EXPECT_GT(hit(profile, truth, 1.0 / 32), 1.4) << "all of it at once, as far as hashes tell";
  profile.write_trace = trace_of(62, 0.05);
  EXPECT_NEAR(hit(profile, truth, 1.0 / 32), 1, 0.02);
  EXPECT_NEAR(hit(profile, truth, 1.0 / 16), 1, 0.02);
  // a rehearsal that sees more goes by hashes, and they by the watched pages
  const CurveFunction more = sum(truth, kBackground);
  GuestProfile rehearsal = seen_by_both(more, truth);
  rehearsal.write_trace = profile.write_trace;
  EXPECT_NEAR(hit(rehearsal, more, 1.0 / 32), 1, 0.02);
}

TEST(ShortWindows, AreNotToldByAHandfulOfWatchedPages) {
  GuestProfile profile = guest(kRam, 300_MB, hot(3_MiB, 0.05));
  const double without = whole_curve(profile).likely().bytes_at(1.0 / 32);
  profile.write_trace = trace_of(6, 0.05);
  EXPECT_EQ(whole_curve(profile).likely().bytes_at(1.0 / 32), without);
  profile.write_trace = trace_of(12, 0.05);
  EXPECT_NE(whole_curve(profile).likely().bytes_at(1.0 / 32), without);
}

TEST(ShortWindows, BoundsHoldTheTruth) {
  for (const CurveFunction& hidden :
       {hot(6_MiB, 0.01), hot(6_MiB, 0.2), sum(hot(6_MiB, 0.05), uniform(64_MiB, 40_MB_per_s)),
        sum(uniform(2_MiB, 20_MB_per_s), sequential(200_MiB, 10_MB_per_s))}) {
    const CurveFunction truth = sum(hidden, kBackground);
    const DirtyCurve curve = whole_curve(seen_by_both(truth, kBackground));
    for (const double t : {0.02, 0.05, 0.1, 0.2, 0.3}) {
      const auto bounds = curve.within(Seconds(t));
      // a cubic between points errs by a sliver where the truth has a corner
      EXPECT_LE(bounds.p05.as_double(), truth(Seconds(t)).as_double() * 1.01) << t;
      EXPECT_GE(bounds.p95.as_double(), truth(Seconds(t)).as_double() * 0.98) << t;
    }
  }
}

TEST(ShortWindows, LeaveThoseAloneThatWereMeasured) {
  const CurveFunction truth = sum(hot(6_MiB, 0.2), kBackground);
  const DirtyCurve curve = whole_curve(seen_by_both(truth, kBackground));
  const double measured = truth(Seconds(0.3)).as_double();
  for (const double z : {-3.0, -1.0, 0.5, 2.0, 3.0}) {
    EXPECT_NEAR(curve.at(z).bytes_at(0.3), measured, 1) << z;
    EXPECT_LE(curve.at(z).bytes_at(0.15), measured) << z;
  }
}

TEST(ShortWindows, SayNothingOfOnePointOrNoWriting) {
  const auto one = points_at(hot(6_MiB, 0.01), {0.3});
  EXPECT_EQ(with_short_windows(one), one);
  const auto idle = points_at(testing::idle(), {0.3, 0.5});
  EXPECT_EQ(with_short_windows(idle), idle);
  EXPECT_EQ(with_finer(idle, points_at(kBackground, {0.1, 0.3})), idle);
  EXPECT_EQ(with_finer(one, points_at(testing::idle(), {0.1, 0.3})), one);
  EXPECT_EQ(with_finer(one, {}), one);
}

/// Whatever was measured by whom.
RC_GTEST_PROP(ShortWindows, AscendAndKeepTheirOrder, ()) {
  const auto random_points = [] {
    std::vector<DirtyPoint> points;
    double window = 0;
    std::int64_t unique = 0;
    for (int i = *rc::gen::inRange(1, 8); i > 0; --i) {
      window += *rc::gen::inRange(1, 500) / 1000.0;
      unique += *rc::gen::inRange<std::int64_t>(0, 50'000'000);
      const auto spread = *rc::gen::inRange<std::int64_t>(0, unique + 1);
      points.push_back(
          {Seconds(window), Bytes(unique), Bytes(unique - spread), Bytes(unique + spread)});
    }
    return points;
  };
  const std::vector<DirtyPoint> measured = random_points();
  const std::vector<DirtyPoint> all = with_short_windows(with_finer(measured, random_points()));
  RC_ASSERT(all.size() >= measured.size());
  RC_ASSERT(std::equal(measured.rbegin(), measured.rend(), all.rbegin()));
  const DirtyPoint& first = measured.front();
  DirtyPoint before;
  for (const DirtyPoint& point : all) {
    RC_ASSERT(point.window > before.window);
    RC_ASSERT(point.unique >= before.unique);
    RC_ASSERT(Bytes() <= point.low && point.low <= point.unique && point.unique <= point.high);
    const double straight = first.unique.as_double() * (point.window / first.window);
    RC_ASSERT(point.window > first.window || point.unique.as_double() >= straight - 1);
    before = point;
  }
}

}  // namespace
}  // namespace godwit::model
