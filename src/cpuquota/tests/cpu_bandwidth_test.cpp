#include "cpu_bandwidth.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace godwit::cpuquota {
namespace {

TEST(CpuBandwidth, SmallSharesGetLongerPeriods) {
  const auto of = [](double share) {
    const CpuBandwidth b = bandwidth_for(Ratio(share));
    return std::pair(b.quota.count(), b.period.count());
  };
  EXPECT_EQ(of(1), std::pair(10'000L, 10'000L));
  EXPECT_EQ(of(0.5), std::pair(5'000L, 10'000L));
  EXPECT_EQ(of(0.1), std::pair(1'000L, 10'000L));
  EXPECT_EQ(of(0.05), std::pair(1'000L, 20'000L));
  EXPECT_EQ(of(0.01), std::pair(1'000L, 100'000L));
  EXPECT_EQ(of(0.001), std::pair(1'000L, 1'000'000L));
}

RC_GTEST_PROP(CpuBandwidthProperty, IsWithinTheKernelsBoundsAndNearTheShare, ()) {
  const double share = *rc::gen::inRange(1'000, 1'000'001) / 1e6;
  const CpuBandwidth b = bandwidth_for(Ratio(share));
  RC_ASSERT(b.quota.count() >= 1'000);
  RC_ASSERT(b.period.count() >= 10'000);
  RC_ASSERT(b.period.count() <= 1'000'000);
  const double given = static_cast<double>(b.quota.count()) / static_cast<double>(b.period.count());
  RC_ASSERT(given <= share);
  RC_ASSERT(given > share * 0.998);
}

}  // namespace
}  // namespace godwit::cpuquota
