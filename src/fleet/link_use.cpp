#include "godwit/fleet/link_use.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "godwit/schedule/paths.h"

namespace godwit::fleet {
namespace {

/// Rates that are taken and given back leave no less than this of a capacity.
constexpr double kRoundedAway = 1e-9;

std::size_t index_of(const Network& network, const std::string& host) {
  const auto at = std::find_if(network.hosts.begin(), network.hosts.end(),
                               [&host](const NetworkHost& one) { return one.name == host; });
  return static_cast<std::size_t>(at - network.hosts.begin());
}

LinkUse use_of(const schedule::SharedLink& link, const std::map<Seconds, double>& changes) {
  LinkUse use{link.name, link.capacity, {}};
  double rate = 0;
  for (const auto& [when, change] : changes) {
    rate += change;
    const double share = rate / link.capacity.value();
    use.shares.emplace_back(when, share > kRoundedAway ? share : 0);
  }
  return use;
}

double seconds_at_full_rate(const LinkUse& use) {
  double all = 0;
  for (std::size_t i = 0; i + 1 < use.shares.size(); ++i) {
    all += use.shares[i].second * (use.shares[i + 1].first - use.shares[i].first).count();
  }
  return all;
}

}  // namespace

std::vector<LinkUse> link_use(const FleetPlan& plan, const Network& network) {
  std::vector<LinkUse> uses;
  const auto paths = schedule::Paths::of(network);
  if (!paths) return uses;
  std::map<schedule::Paths::Link, std::map<Seconds, double>> changes;
  for (const PlannedMove& move : plan.moves) {
    for (const auto link :
         paths->between(index_of(network, move.from), index_of(network, move.to))) {
      changes[link][move.start] += move.rate.value();
      changes[link][move.end] -= move.rate.value();
    }
  }
  for (const auto& [link, of_link] : changes) {
    if (std::isfinite(paths->links()[link].capacity.value())) {
      uses.push_back(use_of(paths->links()[link], of_link));
    }
  }
  std::stable_sort(uses.begin(), uses.end(), [](const LinkUse& a, const LinkUse& b) {
    return seconds_at_full_rate(a) > seconds_at_full_rate(b);
  });
  return uses;
}

}  // namespace godwit::fleet
