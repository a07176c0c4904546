#include "destinations.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace godwit::schedule {
namespace {

enum class Fit { kEarliest, kTightest };

/// VMs that go to one host, whichever that is: one, or all of a group that is to end together.
struct Party {
  std::vector<std::size_t> vms;
  Capacity takes;
  std::set<std::size_t> barred;
  Seconds not_before{};
  bool tied = false;  ///< others of its group have their host
  /// Hosts that are ruled out beforehand: who has the fewest left chooses first.
  [[nodiscard]] std::size_t ruled_out(std::size_t hosts) const {
    return tied ? hosts : barred.size();
  }
};

/// Hosts as they would be at the end, while VMs are dealt to them.
class Dealing {
 public:
  Dealing(const Problem& problem, const Paths& paths, const TransferModel& model, Fit fit)
      : problem_(problem),
        paths_(paths),
        model_(model),
        fit_(fit),
        arriving_(problem.hosts.size()) {
    for (const HostState& host : problem.hosts) free_.push_back(host.capacity);
    result_.of.resize(problem.vms.size());
  }

  Destinations deal() {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < problem_.vms.size(); ++i) {
      const VmState& vm = problem_.vms[i];
      const std::size_t wanted = vm.to.value_or(vm.on);
      result_.of[i] = vm.on;
      if (vm.fixed && (wanted != vm.on || problem_.hosts[vm.on].must_be_empty)) {
        put(i, vm.on);
        result_.blockers.push_back(
            {i, "it is fixed to its host", "allow it to migrate, or shut it down"});
      } else if (vm.to || !problem_.hosts[vm.on].must_be_empty) {
        check_way(i, wanted);
      } else {
        open.push_back(i);
      }
    }
    for (const Party& party : parties_of(open)) place(party);
    return std::move(result_);
  }

 private:
  /// Those that choose first come first.
  [[nodiscard]] std::vector<Party> parties_of(const std::vector<std::size_t>& open) const {
    std::vector<Party> parties;
    std::map<std::string, std::size_t> of_group;
    for (const std::size_t i : open) {
      const VmState& vm = problem_.vms[i];
      std::size_t at = parties.size();
      if (!vm.together.empty() && !tied(vm))
        at = of_group.try_emplace(vm.together, at).first->second;
      if (at == parties.size()) parties.emplace_back();
      Party& party = parties[at];
      party.vms.push_back(i);
      party.takes.memory += vm.takes.memory;
      party.takes.cpus += vm.takes.cpus;
      party.barred.insert(vm.barred.begin(), vm.barred.end());
      party.not_before = std::max(party.not_before, vm.not_before);
      party.tied = tied(vm);
    }
    const std::size_t hosts = problem_.hosts.size();
    std::stable_sort(parties.begin(), parties.end(), [hosts](const Party& a, const Party& b) {
      const std::size_t fewer = a.ruled_out(hosts), less = b.ruled_out(hosts);
      return std::tie(fewer, a.takes.memory, a.takes.cpus) >
             std::tie(less, b.takes.memory, b.takes.cpus);
    });
    return parties;
  }

  /// Others of its group have their host.
  [[nodiscard]] bool tied(const VmState& vm) const { return together_.contains(vm.together); }

  [[nodiscard]] Seconds time_to(const Party& party, std::size_t host) const {
    Seconds time{};
    for (const std::size_t vm : party.vms) time += time_to(problem_.vms[vm], host);
    return time;
  }

  [[nodiscard]] Seconds time_to(const VmState& vm, std::size_t host) const {
    const BytesPerSecond rate = paths_.widest(vm.on, host);
    if (rate.value() <= 0) return Seconds(std::numeric_limits<double>::infinity());
    return duration(model_, vm.load, rate);
  }

  /// A wanted host that the VM can't reach at any time blocks it.
  void check_way(std::size_t i, std::size_t wanted) {
    const VmState& vm = problem_.vms[i];
    if (wanted != vm.on && !(time_to(vm, wanted) < kForever)) {
      put(i, vm.on);
      const bool no_way = paths_.widest(vm.on, wanted).value() <= 0;
      result_.blockers.push_back(
          {i,
           no_way ? fmt::format("no link leads from host {} to host {}", name(vm.on), name(wanted))
                  : std::string("it dirties memory faster than its path carries"),
           no_way ? "connect their switches"
                  : "give it a faster path, slow it down, or use post-copy"});
      return;
    }
    result_.of[i] = wanted;
    put(i, wanted);
    if (wanted != vm.on) arriving_[wanted] += time_to(vm, wanted);
  }

  void put(std::size_t i, std::size_t host) {
    const VmState& vm = problem_.vms[i];
    free_[host].memory -= vm.takes.memory;
    free_[host].cpus -= vm.takes.cpus;
    if (!vm.apart.empty()) apart_.insert({vm.apart, host});
    if (!vm.together.empty()) together_.try_emplace(vm.together, host);
  }

  [[nodiscard]] bool has_room(const Party& party, std::size_t host) const {
    return free_[host].memory >= party.takes.memory && free_[host].cpus >= party.takes.cpus;
  }

  [[nodiscard]] bool allowed(const Party& party, std::size_t host) const {
    return std::all_of(party.vms.begin(), party.vms.end(),
                       [this, host](std::size_t vm) { return allowed(problem_.vms[vm], host); });
  }

  [[nodiscard]] bool allowed(const VmState& vm, std::size_t host) const {
    if (host == vm.on || problem_.hosts[host].must_be_empty || vm.barred.contains(host))
      return false;
    if (!vm.apart.empty() && apart_.contains({vm.apart, host})) return false;
    const auto group = together_.find(vm.together);
    return vm.together.empty() || group == together_.end() || group->second == host;
  }

  void place(const Party& party) {
    std::optional<std::size_t> best;
    std::pair<double, double> best_cost;
    bool any_allowed = false, any_room = false;
    std::int64_t widest_room = 0;
    for (std::size_t host = 0; host < problem_.hosts.size(); ++host) {
      if (!allowed(party, host)) continue;
      any_allowed = true;
      widest_room = std::max(widest_room, free_[host].memory);
      if (!has_room(party, host)) continue;
      any_room = true;
      const Seconds time = time_to(party, host);
      if (!(time < kForever)) continue;
      const double end =
          (std::max(problem_.hosts[host].usable_from, party.not_before) + arriving_[host] + time)
              .count();
      const double left = static_cast<double>(free_[host].memory - party.takes.memory);
      const auto cost = fit_ == Fit::kEarliest ? std::pair(end, -left) : std::pair(left, end);
      if (!best || cost < best_cost) {
        best = host;
        best_cost = cost;
      }
    }
    if (!best) {
      for (const std::size_t vm : party.vms) block(vm, party, any_allowed, any_room, widest_room);
      return;
    }
    for (const std::size_t vm : party.vms) {
      result_.of[vm] = *best;
      put(vm, *best);
    }
    arriving_[*best] += time_to(party, *best);
  }

  void block(std::size_t i, const Party& party, bool any_allowed, bool any_room,
             std::int64_t widest_room) {
    put(i, problem_.vms[i].on);
    const bool alone = party.vms.size() == 1;
    if (!any_allowed) {
      result_.blockers.push_back(
          {i, "its groups, hosts that can't take it, or those to be empty, leave it no host",
           "add a host, or relax its groups"});
    } else if (!any_room) {
      result_.blockers.push_back(
          {i,
           fmt::format("{} {} of memory and {} processors, and no host has that left "
                       "(the most memory is {})",
                       alone ? "it takes" : "its group takes", party.takes.memory, party.takes.cpus,
                       widest_room),
           "add a host, make room on one, or shut it down"});
    } else {
      result_.blockers.push_back({i,
                                  alone ? "it dirties memory faster than any path carries"
                                        : "a VM of its group dirties memory faster than any path "
                                          "carries",
                                  "give it a faster path, slow it down, or use post-copy"});
    }
  }

  [[nodiscard]] const std::string& name(std::size_t host) const {
    return problem_.hosts[host].name;
  }

  static constexpr Seconds kForever{std::numeric_limits<double>::infinity()};

  const Problem& problem_;
  const Paths& paths_;
  const TransferModel& model_;
  Fit fit_;
  std::vector<Capacity> free_;
  std::vector<Seconds> arriving_;
  std::set<std::pair<std::string, std::size_t>> apart_;
  std::map<std::string, std::size_t> together_;
  Destinations result_;
};

}  // namespace

Destinations choose_destinations(const Problem& problem, const Paths& paths,
                                 const TransferModel& model) {
  Destinations early = Dealing(problem, paths, model, Fit::kEarliest).deal();
  if (early.blockers.empty()) return early;
  Destinations tight = Dealing(problem, paths, model, Fit::kTightest).deal();
  return tight.blockers.size() < early.blockers.size() ? tight : early;
}

}  // namespace godwit::schedule
