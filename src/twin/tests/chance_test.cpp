#include "chance.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "godwit/twin/predictor.h"
#include "guests.h"

namespace godwit::twin {
namespace {

using model::testing::guest;
using model::testing::uniform;

TEST(Chance, NormalQuantiles) {
  EXPECT_NEAR(normal_quantile(0.5), 0, 5e-4);
  EXPECT_NEAR(normal_quantile(0.95), 1.6449, 5e-4);
  EXPECT_NEAR(normal_quantile(0.05), -1.6449, 5e-4);
  EXPECT_NEAR(normal_quantile(0.9999), 3.719, 5e-4);
}

/// 10 % of uncertainty about what it writes.
GuestProfile busy_guest(double error = 0.1) {
  return guest(512_MiB, 300_MB, uniform(64_MiB, 20_MB_per_s), error);
}
const Link kLink{50_MB_per_s, {}};

TechniquePrediction predict(const GuestProfile& profile, Technique technique, int draws,
                            std::uint64_t seed = 1) {
  Options options;
  options.draws = draws;
  options.seed = seed;
  return *Predictor::make(profile, kLink, options)->predict(technique);
}

TEST(MonteCarlo, TheSameSeedGivesTheSamePrediction) {
  EXPECT_EQ(predict(busy_guest(), Technique::kPrecopy, 50),
            predict(busy_guest(), Technique::kPrecopy, 50));
  EXPECT_NE(predict(busy_guest(), Technique::kPrecopy, 50).total_time,
            predict(busy_guest(), Technique::kPrecopy, 50, 2).total_time);
}

TEST(MonteCarlo, AgreesWithTheExpectation) {
  for (const Technique technique : {Technique::kPrecopy, Technique::kPostcopy, Technique::kHybrid,
                                    Technique::kStopAndCopy, Technique::kMultifd}) {
    const auto expected = predict(busy_guest(), technique, 0);
    const auto drawn = predict(busy_guest(), technique, kManyDraws);
    EXPECT_EQ(drawn.total_time->p50, expected.total_time->p50) << to_string(technique);
    EXPECT_EQ(drawn.rounds, expected.rounds) << to_string(technique);
    // all that is uncertain rarely goes wrong together
    EXPECT_GE(drawn.total_time->p05, expected.total_time->p05) << to_string(technique);
    EXPECT_LE(drawn.total_time->p95, expected.total_time->p95) << to_string(technique);
    EXPECT_LT(drawn.total_time->p05, drawn.total_time->p95) << to_string(technique);
  }
}

TEST(MonteCarlo, BoundsHardlyDependOnTheSeed) {
  const auto one = predict(busy_guest(), Technique::kPrecopy, kManyDraws, 1).total_time;
  const auto other = predict(busy_guest(), Technique::kPrecopy, kManyDraws, 2).total_time;
  const Seconds width = one->p95 - one->p05;
  EXPECT_LT(abs(one->p95 - other->p95), width * 0.2);
  EXPECT_LT(abs(one->p05 - other->p05), width * 0.2);
}

TEST(MonteCarlo, WhoKnowsLessOfTheGuestSaysLess) {
  const auto sure = predict(busy_guest(0.02), Technique::kPrecopy, kManyDraws).transferred;
  const auto unsure = predict(busy_guest(0.3), Technique::kPrecopy, kManyDraws).transferred;
  EXPECT_LT(sure->p95 - sure->p05, unsure->p95 - unsure->p05);
}

TEST(MonteCarlo, SaysWhenSomeOfTheRunsDoNotEnd) {
  // its working set is just about what the limit allows
  const auto p = predict(guest(512_MiB, 300_MB, uniform(128_MiB, 50_MB_per_s), 0.2),
                         Technique::kPrecopy, kManyDraws);
  ASSERT_TRUE(p.converges);
  EXPECT_NE(p.why.find("may fail to converge"), std::string::npos) << p.why;
}

RC_GTEST_PROP(MonteCarloProperty, IntervalsAreOrdered, ()) {
  const auto data = 1_MiB * *rc::gen::inRange<std::int64_t>(8, 1000);
  const auto profile = guest(data * 2, data,
                             uniform(data * Ratio(*rc::gen::inRange(1, 101) / 100.0),
                                     BytesPerSecond(*rc::gen::inRange(0, 60) * 1e6)),
                             *rc::gen::inRange(0, 50) / 100.0);
  const auto technique = *rc::gen::elementOf(std::vector<Technique>{
      Technique::kPrecopy, Technique::kPostcopy, Technique::kHybrid, Technique::kStopAndCopy,
      Technique::kXbzrle, Technique::kAutoConverge});
  const auto p = predict(profile, technique, 20, *rc::gen::inRange<std::uint64_t>(0, 1000));
  RC_PRE(p.converges);
  const auto ordered = [](const auto& i) { return i.p05 <= i.p50 && i.p50 <= i.p95; };
  RC_ASSERT(ordered(*p.total_time) && ordered(*p.transferred));
  RC_ASSERT(ordered(*p.downtime.qemu) && ordered(*p.downtime.events) && ordered(*p.downtime.probe));
  RC_ASSERT(p.downtime.qemu->p05 >= Seconds(0));
}

}  // namespace
}  // namespace godwit::twin
