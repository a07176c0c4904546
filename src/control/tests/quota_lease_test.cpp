#include "godwit/control/quota_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace godwit::control {
namespace {

using testing::ElementsAre;

/// Writes down what is asked of it.
class AskedQuota final : public CpuQuota {
 public:
  explicit AskedQuota(std::vector<std::string>& asked) : asked_(asked) {}
  Result<LentCpu> plan() override {
    if (!may_plan) return fail(ErrorCode::kUnsupported, "a vCPU can't be limited");
    LentCpu lent;
    lent.group = group;
    return lent;
  }
  Result<void> limit(Ratio) override {
    asked_.emplace_back("limit");
    return may_limit ? Result<void>() : Result<void>(fail(ErrorCode::kPermission, "no right"));
  }
  Result<void> lift() override {
    asked_.emplace_back("lift");
    return may_lift ? Result<void>() : Result<void>(fail(ErrorCode::kBusy, "not now"));
  }
  Result<std::vector<VcpuUse>> used() override { return std::vector<VcpuUse>(); }

  std::string group = "one";
  bool may_plan = true;
  bool may_limit = true;
  bool may_lift = true;

 private:
  std::vector<std::string>& asked_;
};

class QuotaLeaseTest : public testing::Test {
 protected:
  std::vector<std::string> asked;
  AskedQuota quota{asked};
  bool may_write = true;
  QuotaLease lease{&quota, [this]() -> Result<void> {
                     asked.emplace_back(lease.lent() ? "write" : "strike out");
                     return may_write ? Result<void>()
                                      : Result<void>(fail(ErrorCode::kInternal, "full"));
                   }};
};

TEST_F(QuotaLeaseTest, WhatIsLentIsWrittenDownFirstAndOnlyWhereItIsNew) {
  ASSERT_TRUE(lease.limit(Ratio(0.5)));
  ASSERT_TRUE(lease.limit(Ratio(0.3)));
  EXPECT_EQ(lease.share(), Ratio(0.3));
  quota.group = "another home as well";
  ASSERT_TRUE(lease.limit(Ratio(0.2)));
  ASSERT_TRUE(lease.limit(Ratio(1)));
  EXPECT_EQ(lease.share(), Ratio(1));
  EXPECT_THAT(asked,
              ElementsAre("write", "limit", "limit", "write", "limit", "lift", "strike out"));
}

TEST_F(QuotaLeaseTest, NothingIsLimitedThatCannotBeWrittenDown) {
  may_write = false;
  EXPECT_FALSE(lease.limit(Ratio(0.5)));
  EXPECT_THAT(asked, testing::Not(testing::Contains("limit")));
  EXPECT_FALSE(lease.lent());
}

TEST_F(QuotaLeaseTest, ARefusedLimitIsLifted) {
  quota.may_limit = false;
  EXPECT_FALSE(lease.limit(Ratio(0.5)));
  EXPECT_THAT(asked, ElementsAre("write", "limit", "lift", "strike out"));
  EXPECT_EQ(lease.share(), Ratio(1));
}

TEST_F(QuotaLeaseTest, WhereASecondLimitCannotBePlannedTheFirstIsLifted) {
  ASSERT_TRUE(lease.limit(Ratio(0.5)));
  quota.may_plan = false;
  EXPECT_FALSE(lease.limit(Ratio(0.3)));
  EXPECT_THAT(asked, ElementsAre("write", "limit", "lift", "strike out"));
  EXPECT_EQ(lease.share(), Ratio(1));
}

TEST_F(QuotaLeaseTest, WhatIsOfNoMoreUseIsGivenBackAndTriedAgainEachSecond) {
  const TimePoint now{};
  ASSERT_TRUE(lease.limit(Ratio(0.5)));
  lease.mind(now, true);
  EXPECT_THAT(asked, ElementsAre("write", "limit"));
  quota.may_lift = false;
  asked.clear();
  lease.mind(now, false);
  lease.mind(now + Seconds(0.5), false);
  EXPECT_THAT(asked, ElementsAre("lift"));
  EXPECT_EQ(lease.share(), Ratio(0.5));
  lease.mind(now + Seconds(1), true);  // it was given up: of use or not
  quota.may_lift = true;
  lease.mind(now + Seconds(2), true);
  EXPECT_THAT(asked, ElementsAre("lift", "lift", "lift", "strike out"));
  EXPECT_FALSE(lease.lent());
}

TEST(QuotaLease, WithoutAQuotaEachOrderIsRefused) {
  QuotaLease none(nullptr, [] { return Result<void>(); });
  EXPECT_FALSE(none.check());
  EXPECT_FALSE(none.limit(Ratio(0.5)));
  EXPECT_TRUE(none.lift());
}

}  // namespace
}  // namespace godwit::control
