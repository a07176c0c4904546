// Ramanathan, Ho, Tarasuk-Levin, "Live Migration Time Estimation" (VMware): equations (1)-(10), and
// the trends of Tables 1 and 2.
//
// Known gap: the tables' own series were never published; their errors (0.76-5.66 % and
// 2.13-324.73 %) are repeated as bands on synthetic series with the spread that section 4.2 states
// ("standard deviation and variance ... 10 % and 25 % from the mean"; "60 % and 750 %").

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "godwit/base/rng.h"
#include "godwit/base/units.h"
#include "godwit/forecast/ewma.h"
#include "godwit/model/ramanathan.h"

namespace godwit {
namespace {

using forecast::ewma;
using forecast::forecast_trend;

TEST(RamanathanPublished, Equations1To4ByHand) {
  // 20 GB at TX = 1 GB/s, DR = 0.25 GB/s of a 4 KiB-page VM, 1 us per trace, T_SW = 1 s.
  // T_SP = 20 / 0.75 = 26.667 s. Pages: 20e9 / 4096 = 4882812.5 -> 4882813, 4.882813 s; 50 sleeps
  // of 10 ms = 0.5 s; T_PT = 5.382813 s. T_MP = 32.049480 s, T_M = 33.049480 s. Exact.
  const model::RamanathanVm vm{.memory = 20_GB,
                               .page_size = PageSize(4096),
                               .transmit_rate = BytesPerSecond(1e9),
                               .dirty_rate = BytesPerSecond(0.25e9),
                               .trace_per_page = Seconds(1e-6),
                               .switchover = Seconds(1)};
  const auto estimate = model::ramanathan_estimate(vm);
  ASSERT_TRUE(estimate);
  EXPECT_NEAR(estimate->trace_install.count(), 5.382813, 1e-6);
  EXPECT_NEAR(estimate->send.count(), 26.666667, 1e-6);
  EXPECT_NEAR(estimate->precopy.count(), 32.049480, 1e-6);
  EXPECT_NEAR(estimate->total.count(), 33.049480, 1e-6);
}

TEST(RamanathanPublished, TraceThrottlingSleepsAfterEach400MB) {
  const auto install = [](Bytes memory) {
    return model::ramanathan_trace_install(memory, PageSize(4096), Seconds(0)).count();
  };
  EXPECT_DOUBLE_EQ(install(399_MB), 0);
  EXPECT_DOUBLE_EQ(install(400_MB), 0.01);
  EXPECT_DOUBLE_EQ(install(1_GB), 0.02);
}

TEST(RamanathanPublished, NoEstimateWhereDirtyingIsAsFastAsSending) {
  model::RamanathanVm vm;
  vm.memory = 1_GB;
  vm.transmit_rate = 100_MB_per_s;
  for (const auto rate : {100_MB_per_s, 150_MB_per_s}) {
    vm.dirty_rate = rate;
    EXPECT_FALSE(model::ramanathan_converges(vm.transmit_rate, rate));
    EXPECT_FALSE(model::ramanathan_estimate(vm));
  }
  // SDPS: at 90 % of the transmit rate the guest keeps 0.9 * 100 / 150 = 60 % of its speed
  EXPECT_NEAR(model::ramanathan_sdps_speed(100_MB_per_s, 150_MB_per_s, Ratio(0.9)).value(), 0.6,
              1e-12);
  EXPECT_EQ(model::ramanathan_sdps_speed(100_MB_per_s, 50_MB_per_s, Ratio(0.9)), Ratio(1));
}

TEST(RamanathanPublished, Equation10AddsTheManagementStack) {
  EXPECT_DOUBLE_EQ(model::ramanathan_user_time(Seconds(3), Seconds(26)).count(), 29);
}

TEST(RamanathanPublished, Equations5And6ByHand) {
  // N = 3: alpha = 2 / 4 = 0.5. Five samples before: mean of 2, 4, 6, 8, 10 = 6. Then 10, 4, 12:
  // 0.5*10 + 0.5*6 = 8; 0.5*4 + 0.5*8 = 6; 0.5*12 + 0.5*6 = 9. The 99 is older than those five.
  const std::vector<double> samples{99, 2, 4, 6, 8, 10, 10, 4, 12};
  const auto levels = ewma(samples, 3);
  ASSERT_TRUE(levels);
  EXPECT_EQ(*levels, (std::vector<double>{8, 6, 9}));
}

TEST(RamanathanPublished, Equations7To9ByHand) {
  // Levels 8, 6, 9 at t = 1, 2, 3: mean 23/3, slope a = (-1*8 + 0*6 + 1*9) / 2 = 0.5,
  // b = 23/3 - 0.5*2 = 20/3. Noise e = 10/8, 4/6, 12/9. Y_4 = 26/3, Y_5 = 55/6, Y_6 = 29/3:
  // forecasts 65/6 = 10.8333, 55/9 = 6.1111, 116/9 = 12.8889; mean 9.9444.
  const std::vector<double> samples{2, 4, 6, 8, 10, 10, 4, 12};
  const auto forecast = forecast_trend(samples, 3, 3);
  ASSERT_TRUE(forecast);
  ASSERT_EQ(forecast->path.size(), 3u);
  EXPECT_NEAR(forecast->path[0], 65.0 / 6, 1e-12);
  EXPECT_NEAR(forecast->path[1], 55.0 / 9, 1e-12);
  EXPECT_NEAR(forecast->path[2], 116.0 / 9, 1e-12);
  EXPECT_NEAR(forecast->mean.p50, 9.94444, 1e-5);
}

/// The paper's experiment: N samples (and 5 before them) forecast the mean of the next N.
double error_of(const std::vector<double>& series, std::size_t start, std::size_t n) {
  const std::vector<double> known(series.begin() + static_cast<std::ptrdiff_t>(start),
                                  series.begin() + static_cast<std::ptrdiff_t>(start + 5 + n));
  const auto first = series.begin() + static_cast<std::ptrdiff_t>(start + 5 + n);
  const double observed =
      std::accumulate(first, first + static_cast<std::ptrdiff_t>(n), 0.0) / static_cast<double>(n);
  const auto forecast = forecast_trend(known, n, n);
  return std::abs(forecast->mean.p50 - observed) / observed;
}

double median_error(const std::vector<double>& series, std::size_t n) {
  std::vector<double> errors;
  for (std::size_t start = 0; start + 5 + 2 * n <= series.size(); start += 7) {
    errors.push_back(error_of(series, start, n));
  }
  std::nth_element(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2),
                   errors.end());
  return errors[errors.size() / 2];
}

/// Table 1's load: around 25 % of memory a second with a standard deviation of a tenth of it.
std::vector<double> steady_series() {
  Rng rng(1);
  std::vector<double> series(1200);
  for (double& value : series) {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += rng.uniform();
    value = 25 + 2.5 * (sum - 6);  // near-normal, sigma 2.5
  }
  return series;
}

/// Table 2's: bursts and pauses of random length, mean around 20.
std::vector<double> bursty_series() {
  Rng rng(2);
  std::vector<double> series;
  bool busy = true;
  while (series.size() < 1200) {
    const auto length = 2 + rng.below(12);
    for (std::int64_t i = 0; i < length; ++i) series.push_back(busy ? 38 + 2 * rng.uniform() : 2);
    busy = !busy;
  }
  return series;
}

TEST(RamanathanPublished, Table1SteadyLoadIsForecastWithin7PercentAtEveryHorizon) {
  // Trend class. Theirs: 0.64-5.66 % over 6 trials at 10, 30 and 60 s; ours the median of > 100.
  // The bound at 10 s is 7 %: our noise is independent from second to second, of which the mean
  // over 10 s alone varies by 3.2 %, and a line through 10 of them by more; theirs was smoother.
  const auto series = steady_series();
  EXPECT_LT(median_error(series, 10), 0.07);
  for (const std::size_t n : {30u, 60u}) EXPECT_LT(median_error(series, n), 0.0566) << n;
}

TEST(RamanathanPublished, Table2BurstyLoadIsForecastBadlyAndBetterOverLongerHorizons) {
  // Trend class. Theirs: 156-325 % at 10 s, 25-36 % at 30 s, 2-6 % at 60 s: the order, and that the
  // shortest horizon is no forecast at all (above 20 % where steady load stays below 6 %).
  const auto series = bursty_series();
  const double at_10 = median_error(series, 10);
  const double at_30 = median_error(series, 30);
  const double at_60 = median_error(series, 60);
  EXPECT_GT(at_10, 0.20);
  EXPECT_GT(at_10, at_30);
  EXPECT_GT(at_30, at_60);
}

RC_GTEST_PROP(RamanathanPublished, AFlatSeriesForecastsItself, ()) {
  const double level = *rc::gen::inRange(1, 1'000'000) / 10.0;
  const auto n = static_cast<std::size_t>(*rc::gen::inRange(1, 60));
  const std::vector<double> flat(n + 5, level);
  const auto forecast = forecast_trend(flat, n, n);
  RC_ASSERT(forecast.has_value());
  RC_ASSERT(std::abs(forecast->mean.p50 - level) <= 1e-9 * level);
  RC_ASSERT(forecast->mean.p95 - forecast->mean.p05 <= 1e-6 * level);
}

}  // namespace
}  // namespace godwit
