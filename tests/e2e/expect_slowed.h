#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "godwit/base/json.h"
#include "vcpu_groups.h"

namespace godwit::e2e {

/// Jin's law has limited all of these threads, and nothing else of QEMU, to its floor at least.
inline void expect_limited_by_jin(const VcpuGroups& groups,
                                  const std::vector<std::int64_t>& vcpus) {
  EXPECT_EQ(groups.limited(), vcpus) << "all vCPUs, and nothing else of QEMU";
  const auto share = groups.quota();
  ASSERT_TRUE(share);
  EXPECT_GE(*share, 0.19) << "Jin's floor";
  EXPECT_LT(*share, 1);
}

/// The outcome tells that the first order was a quota, what the vCPUs used, and that all of their
/// time was given back.
inline void expect_quota_in(const Json& outcome) {
  EXPECT_EQ(outcome.at("given_back"), true);
  ASSERT_FALSE(outcome.at("orders").empty());
  const Json& first = outcome.at("orders").at(0);
  EXPECT_TRUE(first.at("order").contains("cpu_quota")) << first.dump();
  EXPECT_EQ(first.at("accepted"), true) << first.dump();
  EXPECT_FALSE(outcome.at("rounds").at(0).at("vcpu_used").empty());
}

}  // namespace godwit::e2e
