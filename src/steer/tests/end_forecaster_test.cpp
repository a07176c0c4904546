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
  EXPECT_FALSE(said_at(forecaster, seen, 0.1).eta) << "too short to tell";
  EXPECT_FALSE(said_at(forecaster, seen, 0.5).eta);
  for (double at = 0.6; at < 10.5; at += 0.1) {
    const auto eta = said_at(forecaster, seen, at).eta;
    ASSERT_TRUE(eta) << at;
    if (at < 2.7) continue;  // what it goes by is the last 2 s
    EXPECT_NEAR(eta->p50.count(), 10.6 - at, 0.5) << at;
    EXPECT_LE(eta->p05, eta->p50);
    EXPECT_GE(eta->p95, eta->p50);
  }
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

}  // namespace
}  // namespace godwit::steer
