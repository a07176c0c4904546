#include "godwit/fleet/fixed_rule.h"

#include <gtest/gtest.h>

namespace godwit::fleet {
namespace {

PlannedMove from(const std::string& host) {
  PlannedMove move;
  move.from = host;
  return move;
}

TEST(FixedRule, CountsWhatLeavesAHostAndWhatIsUnderWayInAll) {
  const FixedRule rule{"try", 2, 3};
  const PlannedMove a = from("a"), b = from("b"), c = from("c");
  const auto may = [&](const PlannedMove& move, std::vector<const PlannedMove*> under_way) {
    return may_begin(rule, move, under_way);
  };
  EXPECT_TRUE(may(a, {}));
  EXPECT_TRUE(may(a, {&a, &b}));
  EXPECT_FALSE(may(a, {&a, &a}));
  EXPECT_TRUE(may(b, {&a, &a}));
  EXPECT_FALSE(may(c, {&a, &a, &b}));
}

TEST(FixedRule, WithoutANumberAnyMayBegin) {
  const PlannedMove a = from("a");
  const std::vector<const PlannedMove*> many(1000, &a);
  EXPECT_TRUE(may_begin(fixed_rules()[0], a, many));
  EXPECT_FALSE(may_begin(fixed_rules()[2], a, std::vector<const PlannedMove*>{&a}));
}

}  // namespace
}  // namespace godwit::fleet
