// Jin, Gao, Wu, Shi, Wu, Zhou, "Optimizing the live migration of virtual machine by CPU
// scheduling", Journal of Network and Computer Applications 2011: equations (1)-(10), Figures 1 and
// 2, and the tomcat case of section 5.4. Class: exact, but where a test says otherwise.
//
// Units: the paper's 800 MB are 800 MiB and its Mbit/s decimal; only then does eq. (5) give its
// 151.4 Mbit/s: (256 KiB / 800 MiB)^(1/29) = 3200^(-1/29) = exp(-8.07091/29) = 0.757064;
// times 200 Mbit/s = 151.41 Mbit/s. (With 800 * 10^6 bytes it would be 151.66.)

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "godwit/base/units.h"
#include "godwit/model/jin.h"

namespace godwit::model {
namespace {

constexpr double kMbit = 125'000;

JinSetup paper_setup(Bytes memory = 800_MiB) {
  return {.memory = memory, .bandwidth = 200_Mbit_per_s};
}

JinMigration steady(const JinSetup& setup, double mbit_per_s) {
  const std::array rates{BytesPerSecond(mbit_per_s * kMbit)};
  return jin_migration(setup, rates);
}

TEST(JinPublished, MigrationBarrierIs151Point4MbitPerSecond) {
  // Section 3: "when p reaches 151.4 Mbit/s, which is the biggest dirty rate that the pre-copy
  // algorithm works well with". Tolerance: the paper's last digit.
  EXPECT_NEAR(jin_barrier(paper_setup()).value() / kMbit, 151.4, 0.05);
}

TEST(JinPublished, Figure1BoundaryOverMemory) {
  // Fig. 1: p/B = (h/M)^(1/29) with h = 256 KiB. By hand: M = 2^k * h gives 2^(-k/29).
  const struct {
    Bytes memory;
    int k;
    double boundary;
  } points[] = {{128_MiB, 9, 0.80645},
                {512_MiB, 11, 0.76881},
                {1_GiB, 12, 0.75065},
                {4_GiB, 14, 0.71561},
                {16_GiB, 16, 0.68221}};
  double before = 1;
  for (const auto& point : points) {
    const double boundary = jin_barrier(paper_setup(point.memory)) / 200_Mbit_per_s;
    EXPECT_NEAR(boundary, std::exp2(-point.k / 29.0), 1e-12);
    EXPECT_NEAR(boundary, point.boundary, 1e-5);
    EXPECT_LT(boundary, before) << "the more memory, the lower the boundary";
    before = boundary;
  }
  // "In most of the circumstances, p should be less than 80% of B"
  EXPECT_LT(jin_barrier(paper_setup(256_MiB)) / 200_Mbit_per_s, 0.8);
}

TEST(JinPublished, Figure2DowntimeLeavesZeroAtTheBarrier) {
  // Below the barrier the last round holds no more than h: 256 KiB at 200 Mbit/s = 10.5 ms, the
  // figure's zero. Above it, t_30 = (M/B) * (p/B)^29 with M/B = 33.554 s.
  const JinSetup setup = paper_setup();
  for (const double p : {1.0, 50.0, 100.0, 140.0, 151.4}) {
    EXPECT_LE(steady(setup, p).downtime.count(), 0.01049) << p;
  }
  const double whole = 800.0 * 1024 * 1024 / (200 * kMbit);
  EXPECT_NEAR(whole, 33.554, 0.001);
  const struct {
    double p;
    double seconds;
  } points[] = {{160, 0.0519}, {170, 0.3012}, {180, 1.5802}, {190, 7.5816}, {200, 33.5544}};
  for (const auto& point : points) {
    const double downtime = steady(setup, point.p).downtime.count();
    EXPECT_NEAR(downtime, whole * std::pow(point.p / 200, 29), 1e-9) << point.p;
    EXPECT_NEAR(downtime, point.seconds, 0.0005 * point.seconds + 1e-4) << point.p;
    EXPECT_EQ(steady(setup, point.p).rounds, 30) << point.p;
  }
}

TEST(JinPublished, AtTheBandwidthDowntimeIsThatOfACopyOfAllMemory) {
  // "when p is raised to as fast as the network bandwidth B, the pre-copy is totally failed and
  // causes downtime equal to the time that transfers all the memory": M/B, and R = N.
  const JinMigration m = steady(paper_setup(), 200);
  EXPECT_NEAR(m.downtime.count(), 33.5544, 1e-4);
  EXPECT_NEAR(m.redundancy.value(), 30, 1e-9);
  EXPECT_NEAR(m.total.count(), 30 * 33.5544, 1e-2);
}

TEST(JinPublished, Equations1To4ByHand) {
  // M = 1000 B, B = 100 B/s, h = 30 B. p_1 = 50: t_1 = 10 s, 500 B dirty; t_2 = 5 s. p_2 = 40:
  // 200 B; t_3 = 2 s. p_3 = 10: 20 B <= h, so round 4 is the last: t_4 = 0.2 s.
  const JinSetup setup{
      .memory = 1000_B, .bandwidth = BytesPerSecond(100), .last_round_threshold = 30_B};
  const std::array rates{BytesPerSecond(50), BytesPerSecond(40), BytesPerSecond(10)};
  const JinMigration m = jin_migration(setup, rates);
  EXPECT_EQ(m.rounds, 4);
  EXPECT_DOUBLE_EQ(m.downtime.count(), 0.2);
  EXPECT_DOUBLE_EQ(m.total.count(), 17.2);
  EXPECT_DOUBLE_EQ(m.redundancy.value(), 1.72);
  EXPECT_DOUBLE_EQ(jin_round_time(setup, rates, 1).count(), 10);
  EXPECT_DOUBLE_EQ(jin_round_time(setup, rates, 3).count(), 2);
  EXPECT_DOUBLE_EQ(jin_round_time(setup, rates, 4).count(), 0.2);
}

TEST(JinPublished, AGuestThatWritesNothingTakesTwoRounds) {
  const JinMigration m = jin_migration(paper_setup(), {});
  EXPECT_EQ(m.rounds, 2);
  EXPECT_DOUBLE_EQ(m.downtime.count(), 0);
  EXPECT_DOUBLE_EQ(m.redundancy.value(), 1);
}

TEST(JinPublished, TomcatLoses2Point2SecondsOfWork) {
  // Section 5.4: 0.99 * 42.968 - 0.94 * 43.986 - 0.99 * (42.968 - 43.986)
  //            = 42.53832 - 41.34684 + 1.00782 = 2.19930, "2.2 F"; over U_des = 0.99: 2.22 s.
  const JinWork original{Ratio(0.99), Seconds(42.968)};
  const JinWork optimised{Ratio(0.94), Seconds(43.986)};
  const Seconds lost = jin_work_lost(original, optimised, Ratio(0.99));
  EXPECT_NEAR(lost.count(), 2.19930, 1e-5);
  EXPECT_NEAR(lost.count() / 0.99, 2.22, 0.005);
}

TEST(JinPublished, WorkLostAgainstNoMigrationIsTheWorkLeftUndone) {
  // Eq. (7) with T_2 = 0: (U_1 - U_des) * T_1, here (0.9 - 0.5) * 10 s.
  EXPECT_DOUBLE_EQ(jin_work_lost({Ratio(0.9), Seconds(10)}, {}, Ratio(0.5)).count(), 4);
  EXPECT_DOUBLE_EQ(jin_work({Ratio(0.9), Seconds(10)}).count(), 9);  // eq. (6)
}

TEST(JinPublished, Equation9KeepsTheDirtyRateAtCTimesB) {
  // Fig. 7 starts with a dirty rate of 160 Mbit/s at 104 Mbit/s sent, C = 0.8, full allotment:
  // 0.8 * 104 / 160 = 52 %, the cap that the text names. Exact.
  EXPECT_NEAR(jin_cpu_share(Ratio(1), 160_Mbit_per_s, 104_Mbit_per_s, Ratio(0.8)).value(), 0.52,
              1e-12);
  // Round 3: 135 Mbit/s at 209 Mbit/s sent: 0.8 * 209 / 135 * 52 % = 64 %; the text says 62 %, as
  // its program rounds down to whole percent at both steps. Within two points.
  EXPECT_NEAR(jin_cpu_share(Ratio(0.52), 135_Mbit_per_s, 209_Mbit_per_s, Ratio(0.8)).value(), 0.62,
              0.03);
}

TEST(JinPublished, Equation10WeightGivesTheShare) {
  // e = 0.25 beside weights of 256 + 512: w0 = (1/3) * 768 = 256, and 256 / 1024 = 0.25.
  EXPECT_DOUBLE_EQ(jin_weight(Ratio(0.25), 768), 256);
}

RC_GTEST_PROP(JinPublished, SteadyRatesAgreeWithTheGeometricSeries, ()) {
  // T_c = (M/B) * (1 - rho^n) / (1 - rho), for any steady rho = p/B < 1 and the n found.
  const double rho = *rc::gen::inRange(1, 999) / 1000.0;
  const JinSetup setup = paper_setup(Bytes(*rc::gen::inRange<std::int64_t>(1 << 20, 1LL << 36)));
  const JinMigration m = steady(setup, 200 * rho);
  const double whole = (setup.memory / setup.bandwidth).count();
  const double expected = whole * (1 - std::pow(rho, m.rounds)) / (1 - rho);
  RC_ASSERT(std::abs(m.total.count() - expected) <= 1e-9 * expected);
  RC_ASSERT(std::abs(m.redundancy.value() - expected / whole) <= 1e-9 * m.redundancy.value());
}

RC_GTEST_PROP(JinPublished, TheBarrierIsWhereTheThresholdIsJustMet, ()) {
  // Just below it the last round holds no more than h, just above it more.
  const JinSetup setup = paper_setup(Bytes(*rc::gen::inRange<std::int64_t>(1 << 22, 1LL << 36)));
  const double barrier = jin_barrier(setup).value() / kMbit;
  const double h_time = (setup.last_round_threshold / setup.bandwidth).count();
  RC_ASSERT(steady(setup, barrier * 0.9999).downtime.count() <= h_time);
  RC_ASSERT(steady(setup, barrier * 1.0001).downtime.count() > h_time);
}

}  // namespace
}  // namespace godwit::model
