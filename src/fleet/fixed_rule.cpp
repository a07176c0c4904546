#include "godwit/fleet/fixed_rule.h"

#include <algorithm>

namespace godwit::fleet {

std::vector<FixedRule> fixed_rules() {
  return {{"all at once"},
          {"two at once", 2},
          {"one at a time", 1},
          {"KubeVirt's", 2, 5, true, Seconds(150)}};
}

bool may_begin(const FixedRule& rule, const PlannedMove& move,
               std::span<const PlannedMove* const> under_way) {
  const auto leave = static_cast<std::size_t>(std::count_if(
      under_way.begin(), under_way.end(), [&](const auto* one) { return one->from == move.from; }));
  return (rule.from_host == 0 || leave < rule.from_host) &&
         (rule.in_all == 0 || under_way.size() < rule.in_all);
}

}  // namespace godwit::fleet
