#include "godwit/model/dirty_curve.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "guests.h"

namespace godwit::model {
namespace {

using testing::guest;
using testing::sequential;
using testing::uniform;

DirtyCurve curve_of(const GuestProfile& profile) {
  auto curve = DirtyCurve::from_profile(profile);
  EXPECT_TRUE(curve.has_value());
  return *curve;
}

/// Relative error of the likely curve against the closed form.
double error_at(const DirtyCurve& curve, const testing::CurveFunction& truth, double seconds) {
  const double expected = truth(Seconds(seconds)).as_double();
  return std::abs(curve.likely().bytes_at(seconds) - expected) / expected;
}

TEST(DirtyCurve, StartsAtZeroAndMeetsItsPoints) {
  const auto truth = uniform(128_MiB, 30_MB_per_s);
  const auto profile = guest(512_MiB, 300_MB, truth);
  const DirtyCurve curve = curve_of(profile);
  EXPECT_EQ(curve.likely().bytes_at(0), 0);
  for (const DirtyPoint& p : profile.dirty_curve) {
    EXPECT_NEAR(curve.likely().bytes_at(p.window.count()), p.unique.as_double(), 1);
  }
}

TEST(DirtyCurve, FollowsAUniformWriterBetweenAndBeyondItsWindows) {
  // Beyond 8 s the rule is exact for this writer (see likely_tail): rounding to whole bytes only.
  // Between windows the cubic errs by up to 1 %, before the first by up to 2 %.
  for (const double rate : {5e6, 30e6, 100e6}) {
    const auto truth = uniform(128_MiB, BytesPerSecond(rate));
    const DirtyCurve curve = curve_of(guest(512_MiB, 300_MB, truth));
    for (const double t : {0.05, 0.1}) EXPECT_LT(error_at(curve, truth, t), 0.02) << rate << t;
    for (const double t : {0.2, 0.7, 1.5, 3.0, 6.0}) {
      EXPECT_LT(error_at(curve, truth, t), 0.01) << rate << " " << t;
    }
    for (const double t : {9.0, 16.0, 60.0}) EXPECT_LT(error_at(curve, truth, t), 1e-3) << t;
  }
}

/// A rehearsal's windows are as long as its passes happened to be.
GuestProfile rehearsed(const testing::CurveFunction& truth, std::initializer_list<double> windows) {
  GuestProfile profile = guest(512_MiB, 300_MB, truth);
  profile.source = DirtySource::kRehearsal;
  profile.dirty_curve.clear();
  for (const double t : windows) {
    const Bytes unique = truth(Seconds(t));
    profile.dirty_curve.push_back({Seconds(t), unique, unique, unique});
  }
  return profile;
}

TEST(DirtyCurve, FollowsAUniformWriterFromTheIrregularWindowsOfARehearsal) {
  const auto truth = uniform(64_MiB, 20_MB_per_s);
  const DirtyCurve curve = curve_of(rehearsed(truth, {0.044, 0.194, 0.31, 0.499, 0.901}));
  for (const double t : {0.03, 0.1, 0.25, 0.4, 0.7})
    EXPECT_LT(error_at(curve, truth, t), 0.02) << t;
  // from a second to many: the cubic's small error at T/4 and T/2 grows with the distance
  for (const double t : {1.5, 3.0, 8.0}) EXPECT_LT(error_at(curve, truth, t), 0.1) << t;
}

TEST(DirtyCurve, OnePassIsEnoughForACurveThatGoesOnStraight) {
  const auto truth = sequential(4_GiB, 30_MB_per_s);
  const DirtyCurve curve = curve_of(rehearsed(truth, {0.2}));
  for (const double t : {0.1, 0.2, 2.0}) EXPECT_LT(error_at(curve, truth, t), 1e-6) << t;
}

TEST(DirtyCurve, FollowsASequentialWriterBeyondItsWindows) {
  const auto truth = sequential(4_GiB, 30_MB_per_s);
  const DirtyCurve curve = curve_of(guest(8_GiB, 6_GB, truth));
  for (const double t : {0.06, 3.0, 20.0, 100.0}) EXPECT_LT(error_at(curve, truth, t), 1e-6) << t;
}

TEST(DirtyCurve, AMixtureLiesWithinTheExtrapolatedInterval) {
  // Hot 32 MiB at 40 MB/s and cold 400 MiB at 10 MB/s: saturating in part, growing in part.
  const auto truth = [](Seconds t) {
    return uniform_writer(32_MiB, 40_MB_per_s, t) + uniform_writer(400_MiB, 10_MB_per_s, t);
  };
  const DirtyCurve curve = curve_of(guest(1_GiB, 800_MB, truth));
  for (const double t : {10.0, 20.0, 60.0, 200.0}) {
    const auto interval = curve.within(Seconds(t));
    EXPECT_LE(interval.p05, truth(Seconds(t))) << t;
    EXPECT_GE(interval.p95, truth(Seconds(t))) << t;
  }
}

/// What a rehearsal saw within a second, and hashes, of which they see `share`, within eight.
GuestProfile rehearsed(const testing::CurveFunction& truth, double share) {
  GuestProfile profile = guest(512_MiB, 300_MB, truth);
  SourcedCurve hashes;
  for (DirtyPoint p : profile.dirty_curve) {
    p.unique = p.unique * Ratio(share);
    p.low = p.low * Ratio(share);
    p.high = p.high * Ratio(share);
    hashes.points.push_back(p);
  }
  profile.other_curves.push_back(hashes);
  profile.dirty_curve.resize(3);
  return profile;
}

TEST(DirtyCurve, GoesOnAsALongerLookSaw) {
  const auto truth = sequential(40_MiB, 10_MB_per_s);  // all written after 4.2 s
  const auto profile = rehearsed(truth, 0.95);
  EXPECT_LT(error_at(curve_of(profile), truth, 8), 0.02);
  auto alone = profile;
  alone.other_curves.clear();
  EXPECT_GT(error_at(curve_of(alone), truth, 8), 0.5);
}

TEST(DirtyCurve, ALookThatMissesStoresSaysNothing) {
  const auto profile = rehearsed(sequential(40_MiB, 10_MB_per_s), 0.3);
  auto alone = profile;
  alone.other_curves.clear();
  EXPECT_EQ(curve_of(profile).within(Seconds(8)), curve_of(alone).within(Seconds(8)));
}

TEST(DirtyCurve, NeverExceedsRam) {
  const DirtyCurve curve = curve_of(guest(256_MiB, 200_MB, sequential(200_MiB, 20_MB_per_s), 0.3));
  const auto interval = curve.within(Seconds(1e6));
  EXPECT_LE(interval.p95, 256_MiB);
}

TEST(DirtyCurve, RefusesWhatIsNoCurve) {
  const auto good = guest(512_MiB, 300_MB, uniform(128_MiB, 30_MB_per_s));
  const auto code = [](GuestProfile profile) {
    const auto curve = DirtyCurve::from_profile(profile);
    return curve ? "accepted" : std::string(to_string(curve.error().code));
  };
  EXPECT_EQ(code(good), "accepted");
  auto broken = good;
  broken.dirty_curve.clear();
  EXPECT_EQ(code(broken), "bad_input");
  broken = good;
  broken.dirty_curve[2].window = broken.dirty_curve[1].window;
  EXPECT_EQ(code(broken), "bad_input");
  broken = good;
  broken.dirty_curve[2].low = broken.dirty_curve[2].high + 1_B;
  EXPECT_EQ(code(broken), "bad_input");
  broken = good;
  broken.ram = 0_B;
  EXPECT_EQ(code(broken), "bad_input");
}

/// Any profile that measurement could give: random windows, values that never fall.
GuestProfile random_profile() {
  GuestProfile profile = guest(1_GiB, 600_MB, testing::idle());
  profile.dirty_curve.clear();
  double window = 0;
  std::int64_t unique = 0;
  const int points = *rc::gen::inRange(1, 12);
  for (int i = 0; i < points; ++i) {
    window += *rc::gen::inRange(1, 4000) / 1000.0;
    unique += *rc::gen::inRange<std::int64_t>(0, 200'000'000);
    const auto spread = *rc::gen::inRange<std::int64_t>(0, unique / 4 + 1);
    profile.dirty_curve.push_back(
        {Seconds(window), Bytes(unique), Bytes(unique - spread), Bytes(unique + spread)});
  }
  return profile;
}

RC_GTEST_PROP(DirtyCurve, NeverFallsAndKeepsItsOrder, ()) {
  const GuestProfile profile = random_profile();
  const DirtyCurve curve = curve_of(profile);
  Interval<Bytes> before{};
  for (double t = 0; t < 60; t += 0.37) {
    const auto now = curve.within(Seconds(t));
    RC_ASSERT(now.p05 <= now.p50 && now.p50 <= now.p95);
    RC_ASSERT(now.p95 <= profile.ram);
    RC_ASSERT(now.p50 >= before.p50);
    before = now;
  }
}

RC_GTEST_PROP(DirtyCurve, TheIntervalWidensBeyondTheLastWindow, ()) {
  const GuestProfile profile = random_profile();
  const DirtyCurve curve = curve_of(profile);
  const double last = profile.dirty_curve.back().window.count();
  double before = 0;
  for (double t = last; t < 4 * last; t += last / 5) {
    const auto now = curve.within(Seconds(t));
    if (now.p95 >= profile.ram) break;  // nothing can widen beyond RAM
    const double width = (now.p95 - now.p05).as_double();
    RC_ASSERT(width >= before - 2);
    before = width;
  }
}

RC_GTEST_PROP(DirtyCurve, SecondsAtInvertsBytesAt, ()) {
  const DirtyCurve curve = curve_of(random_profile());
  const double t = *rc::gen::inRange(1, 60'000) / 1000.0;
  const double bytes = curve.likely().bytes_at(t);
  const double back = curve.likely().seconds_at(bytes);
  // where the curve is flat, bytes say nothing about time; where it rose just before t, they say
  // that it is no earlier than that
  const bool rises = curve.likely().bytes_at(t) - curve.likely().bytes_at(0.99 * t) > 100;
  RC_ASSERT(!rises || std::abs(back - t) <= 0.01 * t);
  RC_ASSERT(std::abs(curve.likely().bytes_at(back) - bytes) <= 1e-6 * bytes + 1);
}

}  // namespace
}  // namespace godwit::model
