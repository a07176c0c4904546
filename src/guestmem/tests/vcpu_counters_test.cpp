#include "godwit/guestmem/vcpu_counters.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "victim.h"

namespace godwit::guestmem {
namespace {

TEST(VcpuCounters, AProcessWithoutVcpusHasNone) {
  const VcpuCounters counters(getpid());
  EXPECT_EQ(counters.instructions(), std::nullopt);
  EXPECT_EQ(counters.cache_misses(), std::nullopt);
}

TEST(VcpuCounters, CountsWhereTheProcessorDoesAndSaysNothingWhereItDoesNot) {
  Victim victim(2);
  victim.name_thread_like_a_vcpu();
  const VcpuCounters counters(victim.pid());
  const auto before = counters.instructions();
  victim.burn();
  const auto after = counters.instructions();
  EXPECT_EQ(before.has_value(), after.has_value());
  if (before && after) {
    EXPECT_GT(*after, *before + 1'000'000);
  }
}

}  // namespace
}  // namespace godwit::guestmem
