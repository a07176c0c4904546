#include "godwit/schedule/paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <optional>

namespace godwit::schedule {
namespace {

constexpr const char* kExample = "see docs/scheduling.md for the form of a network";

Result<void> check_capacity(const std::string& of, BytesPerSecond capacity) {
  if (capacity.value() > 0) return {};  // infinite ones too
  return fail(ErrorCode::kBadInput, fmt::format("the capacity of {} is not above 0", of), kExample);
}

/// Numbers switches by name, as they appear.
class Switches {
 public:
  std::size_t number(const std::string& name) {
    return numbers_.try_emplace(name, numbers_.size()).first->second;
  }
  [[nodiscard]] std::size_t count() const { return numbers_.size(); }

 private:
  std::map<std::string, std::size_t> numbers_;
};

struct Hop {
  std::size_t to;
  Paths::Link link;
};

struct Reached {
  std::size_t from;
  Paths::Link link;
};

/// The ways with the fewest hops from one switch, as how each other one is reached.
std::vector<std::optional<Reached>> reach(const std::vector<std::vector<Hop>>& hops,
                                          std::size_t start) {
  std::vector<std::optional<Reached>> reached(hops.size());
  std::deque<std::size_t> next{start};
  while (!next.empty()) {
    const std::size_t here = next.front();
    next.pop_front();
    for (const Hop& hop : hops[here]) {
      if (hop.to == start || reached[hop.to]) continue;
      reached[hop.to] = Reached{here, hop.link};
      next.push_back(hop.to);
    }
  }
  return reached;
}

std::vector<Paths::Link> way(const std::vector<std::optional<Reached>>& reached, std::size_t start,
                             std::size_t end,
                             const std::vector<std::optional<Paths::Link>>& inside) {
  std::vector<Paths::Link> links;
  for (std::size_t here = end;; here = reached[here]->from) {
    if (inside[here]) links.push_back(*inside[here]);
    if (here == start) break;
    links.push_back(reached[here]->link);
  }
  std::reverse(links.begin(), links.end());
  return links;
}

Result<void> check_hosts(const Network& network) {
  std::map<std::string, int> seen;
  for (const NetworkHost& host : network.hosts) {
    if (host.name.empty() || seen[host.name]++ > 0) {
      return fail(ErrorCode::kBadInput,
                  host.name.empty() ? std::string("a host has no name")
                                    : fmt::format("host {} is named twice", host.name),
                  "give each host a name of its own");
    }
    GODWIT_CHECK_OK(check_capacity("host " + host.name, std::min(host.egress, host.ingress)));
  }
  return {};
}

}  // namespace

Result<Paths> Paths::of(const Network& network) {
  GODWIT_CHECK_OK(check_hosts(network));
  Paths paths;
  Switches switches;
  for (const NetworkHost& host : network.hosts) {
    paths.switch_of_.push_back(switches.number(host.at));
    paths.links_.push_back({host.name + " sends", host.egress});
    paths.links_.push_back({host.name + " receives", host.ingress});
  }
  std::vector<std::vector<Hop>> hops;
  for (const Uplink& uplink : network.uplinks) {
    const std::string name = fmt::format("uplink {} to {}", uplink.from, uplink.to);
    GODWIT_CHECK_OK(check_capacity(name, std::min(uplink.forward, uplink.backward)));
    if (uplink.from == uplink.to) {
      return fail(ErrorCode::kBadInput, name + " ends where it begins", kExample);
    }
    const std::size_t from = switches.number(uplink.from);
    const std::size_t to = switches.number(uplink.to);
    hops.resize(std::max(hops.size(), switches.count()));
    hops[from].push_back({to, paths.links_.size()});
    paths.links_.push_back({name, uplink.forward});
    hops[to].push_back({from, paths.links_.size()});
    paths.links_.push_back(
        {fmt::format("uplink {} to {}", uplink.to, uplink.from), uplink.backward});
  }
  std::map<std::size_t, Link> limited;
  for (const SwitchCapacity& limit : network.switches) {
    GODWIT_CHECK_OK(check_capacity("switch " + limit.name, limit.capacity));
    if (!limited.emplace(switches.number(limit.name), paths.links_.size()).second) {
      return fail(ErrorCode::kBadInput, fmt::format("switch {} is named twice", limit.name),
                  kExample);
    }
    paths.links_.push_back({"switch " + limit.name, limit.capacity});
  }
  const std::size_t count = switches.count();
  hops.resize(count);
  std::vector<std::optional<Link>> inside(count);
  for (const auto& [number, link] : limited) inside[number] = link;
  paths.switches_ = count;
  paths.between_switches_.resize(count * count);
  paths.reachable_.resize(count * count);
  std::vector<bool> has_host(count);
  for (const std::size_t number : paths.switch_of_) has_host[number] = true;
  for (std::size_t start = 0; start < count; ++start) {
    if (!has_host[start]) continue;
    const auto reached = reach(hops, start);
    for (std::size_t end = 0; end < count; ++end) {
      if (!has_host[end] || (end != start && !reached[end])) continue;
      paths.reachable_[start * count + end] = true;
      paths.between_switches_[start * count + end] = way(reached, start, end, inside);
    }
  }
  return paths;
}

std::vector<Paths::Link> Paths::between(Host from, Host to) const {
  const std::size_t pair = switch_of_.at(from) * switches_ + switch_of_.at(to);
  if (from == to || !reachable_[pair]) return {};
  std::vector<Link> links{egress(from)};
  links.insert(links.end(), between_switches_[pair].begin(), between_switches_[pair].end());
  links.push_back(ingress(to));
  return links;
}

BytesPerSecond Paths::widest(Host from, Host to) const {
  const std::vector<Link> path = between(from, to);
  if (path.empty()) return BytesPerSecond(0);
  BytesPerSecond rate = kUnlimited;
  for (const Link link : path) rate = std::min(rate, links_[link].capacity);
  return rate;
}

}  // namespace godwit::schedule
