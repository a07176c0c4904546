#include "godwit/steer/end_forecaster.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "views.h"

namespace godwit::steer {
namespace {

/// A first pass over 200 MB that nobody predicted: the first half are pages of zeros, which take
/// 0.6 s, the other half is sent at 10 MB/s. It ends at 10.6 s.
EndForecast said_at(EndForecaster& forecaster, Seen& seen, double seconds) {
  const double zeros = std::min(seconds / 0.6, 1.0) * 100e6;
  const double sent = std::max(seconds - 0.6, 0.0) * 10e6;
  seen.elapsed = Seconds(seconds);
  seen.session.status.total = 200_MB;
  seen.session.status.remaining = Bytes(static_cast<std::int64_t>(200e6 - zeros - sent));
  seen.session.status.transferred = Bytes(static_cast<std::int64_t>(1e5 + sent));
  return forecaster.look(seen.view(), false);
}

TEST(EndForecaster, OfMemoryThatBeginsWithZerosTheRestIsNotTakenForZeros) {
  EndForecaster forecaster({});
  Seen seen;
  for (double at = 0.1; at < 1; at += 0.1) {
    EXPECT_FALSE(said_at(forecaster, seen, at).eta) << at << ": too little was sent to tell";
  }
  for (double at = 1.2; at < 10.5; at += 0.1) {
    const auto eta = said_at(forecaster, seen, at).eta;
    ASSERT_TRUE(eta) << at;
    const double left = 10.6 - at;
    EXPECT_GE(eta->p50.count(), left - 0.1) << at;
    EXPECT_LE(eta->p50.count(), left + 1.1) << at << ": and what usually follows that pass";
    EXPECT_LE(eta->p05.count(), left + 0.1) << at;
    EXPECT_GE(eta->p95.count(), left + 5) << at << ": nobody knows how it writes";
  }
}

/// Zeros in the middle of memory: half of what is left goes at once.
TEST(EndForecaster, WhatNobodyPredictedNeverMovesByATenthInASecond) {
  EndForecaster forecaster({});
  Seen seen;
  seen.session.status.total = 2_GB;
  Seconds said{};
  for (double at = 0; at < 40; at += 0.1) {
    const double sent = 20e6 * at;
    const double zeros = at > 10 ? 900e6 : 0;
    seen.elapsed = Seconds(at);
    seen.session.status.transferred = Bytes(static_cast<std::int64_t>(sent));
    seen.session.status.remaining = Bytes(static_cast<std::int64_t>(2e9 - sent - zeros));
    const auto eta = forecaster.look(seen.view(), false).eta;
    if (!eta) continue;
    const Seconds end = seen.elapsed + eta->p50;
    if (said > Seconds(0)) {
      EXPECT_NEAR(end / said, 1, 0.0101) << at;
    }
    said = end;
  }
  EXPECT_NEAR(said.count(), 55 * 1.08, 1) << "it has followed";
}

TEST(EndForecaster, AFirstPassThatStandsStillHasNoEnd) {
  EndForecaster forecaster({});
  Seen seen;
  (void)said_at(forecaster, seen, 1);
  EXPECT_TRUE(said_at(forecaster, seen, 2).eta);
  for (double at = 2.5; at < 6; at += 0.5) {
    seen.elapsed = Seconds(at);
    const auto eta = forecaster.look(seen.view(), false).eta;
    EXPECT_EQ(eta.has_value(), at < 4) << at;
  }
}

/// A first round whose first half went by with zeros at a tenth of the rate: what is left goes at
/// the rate of the other half.
TEST(EndForecaster, TheRestGoesAtTheRateOfLate) {
  EndForecaster forecaster({});
  Seen seen;
  for (double at = 0; at <= 10; at += 0.1) {
    const double data = std::max(at - 5, 0.0) * 20e6;
    const double zeros = std::min(at, 5.0) * 200e6;
    seen.elapsed = Seconds(at);
    seen.session.status.total = 2_GB;
    seen.session.status.transferred = Bytes(static_cast<std::int64_t>(data + zeros / 400));
    seen.session.status.remaining = Bytes(static_cast<std::int64_t>(1.1e9 - data - zeros));
    (void)forecaster.look(seen.view(), false);
  }
  seen.elapsed = Seconds();
  seen.round(Seconds(10), 10_MB_per_s, 2_MB_per_s);
  seen.session.status.transferred = 103_MB;
  const auto eta = forecaster.look(seen.view(), true).eta;
  ASSERT_TRUE(eta);
  EXPECT_GE(eta->p50.count(), 1.0);
  EXPECT_LE(eta->p50.count(), 1.6) << "at 10 MB/s it would take 2 s and more";
}

/// After one long round it may be that the guest's set is full, and each round to come as long. How
/// long it takes is that of the ways that end, and how many do is said.
TEST(EndForecaster, AnEndIsThatOfTheWaysThatEnd) {
  EndForecaster forecaster({});
  Seen seen;
  seen.session.status.transferred = 400_MB;
  seen.round(Seconds(10), 40_MB_per_s, 8_MB_per_s);
  const EndForecast forecast = forecaster.look(seen.view(), true);
  ASSERT_TRUE(forecast.eta);
  ASSERT_TRUE(forecast.ends);
  EXPECT_GT(forecast.ends->value(), 0.6);
  EXPECT_LT(forecast.ends->value(), 1);
  EXPECT_GT(forecast.eta->p50, Seconds(2.4)) << "in proportion it would be 2.5 s";
  EXPECT_LT(forecast.eta->p95, Seconds(60));
}

}  // namespace
}  // namespace godwit::steer
