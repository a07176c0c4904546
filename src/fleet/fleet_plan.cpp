#include "godwit/fleet/fleet_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "godwit/base/quantity.h"
#include "godwit/base/statistics.h"
#include "godwit/schedule/plan.h"

namespace godwit::fleet {
namespace {

/// Draws of all durations, of which the intervals are: the bounds then vary by some percent.
constexpr int kDraws = 400;
/// Of the variance of durations, what all moves of one run have in common: the intraclass
/// correlation of mVM's executions, each VM's repeats against their mean (100 runs of 10 VMs).
constexpr double kInCommon = 0.08;
/// Ends and starts of a plan that rounding tells apart.
constexpr Seconds kAtOnce{1e-6};

schedule::TransferModel transfer_model() {
  schedule::TransferModel model;  // the loads say all: Way::load
  model.goodputs = {{BytesPerSecond(1), 1.0}};
  model.hot_passes = 0;
  return model;
}

/// Builds schedule's problem, and reads its plan.
class Planning {
 public:
  Planning(const Situation& situation, const Costs& costs, Rng& rng)
      : now_(situation), costs_(costs), rng_(rng), there_(situation.inventory.vms) {
    const auto elsewhere = where_else_they_may_be(situation);
    there_.insert(there_.end(), elsewhere.begin(), elsewhere.end());
  }

  Result<FleetPlan> run();

 private:
  [[nodiscard]] bool may_take_vms(const FleetHost& host) const;
  [[nodiscard]] bool takes_vms(const FleetHost& host) const;
  [[nodiscard]] bool is_to_move(const std::string& vm) const;
  [[nodiscard]] const Way& way_of(const std::string& vm) const;
  /// Why the host can't take it, or that on which it is wanted; null where it can.
  [[nodiscard]] const Error* barred(const std::string& vm, const std::string& host) const;
  [[nodiscard]] const Error* barred_from_its_host(const std::string& vm) const;
  [[nodiscard]] const Wish& wish_for(const std::string& vm) const;
  [[nodiscard]] schedule::Problem problem() const;
  [[nodiscard]] schedule::HostState host_state(const FleetHost& host) const;
  [[nodiscard]] schedule::VmState vm_state(const FleetVm& vm) const;
  [[nodiscard]] schedule::VmState stand_in(const FleetVm& vm) const;
  [[nodiscard]] std::vector<PlannedMove> moves(const schedule::Plan& plan) const;
  void draw(FleetPlan& plan);
  [[nodiscard]] std::vector<Blocked> blockers(const schedule::Plan& plan) const;
  [[nodiscard]] bool is_wanted_elsewhere(const std::string& vm, const Unclear& unclear) const;
  [[nodiscard]] std::optional<Blocked> no_room(const FleetVm& vm, const schedule::Plan& plan) const;

  const Situation& now_;
  const Costs& costs_;
  Rng& rng_;
  std::vector<FleetVm> there_;  ///< the inventory's, then those that may be there; as the problem's
};

bool Planning::may_take_vms(const FleetHost& host) const {
  const auto& to = now_.goal.to;
  const bool wanted = to.empty() || std::find(to.begin(), to.end(), host.name) != to.end();
  return wanted && !host.cordoned && host.name != now_.goal.empty;
}

bool Planning::takes_vms(const FleetHost& host) const {
  return may_take_vms(host) && !now_.closed.contains(host.name);
}

bool Planning::is_to_move(const std::string& vm) const {
  const auto estimate = now_.estimates.find(vm);
  return !now_.settled.contains(vm) && !now_.unclear.contains(vm) &&
         estimate != now_.estimates.end() && !estimate->second.ways.empty() &&
         barred_from_its_host(vm) == nullptr;
}

const Way& Planning::way_of(const std::string& vm) const {
  const Estimate& estimate = now_.estimates.at(vm);
  const auto chosen = now_.way.find(vm);
  const std::size_t index = chosen == now_.way.end() ? 0 : chosen->second;
  return estimate.ways[std::min(index, estimate.ways.size() - 1)];
}

const Error* Planning::barred(const std::string& vm, const std::string& host) const {
  const auto closed = now_.closed.find(host);
  if (closed != now_.closed.end()) return &closed->second;
  const auto estimate = now_.estimates.find(vm);
  if (estimate == now_.estimates.end()) return nullptr;
  const auto why = estimate->second.barred.find(host);
  return why == estimate->second.barred.end() ? nullptr : &why->second;
}

const Error* Planning::barred_from_its_host(const std::string& vm) const {
  const auto wanted = now_.goal.bring.find(vm);
  if (wanted == now_.goal.bring.end()) return nullptr;
  const FleetVm* const known = find_vm(now_.inventory, vm);
  const bool is_there = known != nullptr && known->host == wanted->second;
  return is_there ? nullptr : barred(vm, wanted->second);
}

const Wish& Planning::wish_for(const std::string& vm) const {
  static const Wish kNone;
  const auto wish = now_.goal.wishes.find(vm);
  return wish == now_.goal.wishes.end() ? kNone : wish->second;
}

/// One that takes no VMs has room for those that it has. Without a limit there is room for all.
schedule::HostState Planning::host_state(const FleetHost& host) const {
  schedule::Capacity here, all;
  for (const FleetVm& vm : there_) {
    all.memory += vm.memory.count();
    all.cpus += vm.vcpus;
    if (vm.host != host.name) continue;
    here.memory += vm.memory.count();
    here.cpus += vm.vcpus;
  }
  for (const MoveUnderWay& one : now_.under_way) {  // it takes room there until it has ended
    const FleetVm* const vm = find_vm(now_.inventory, one.vm);
    if (vm == nullptr || one.from != host.name) continue;
    here.memory += vm->memory.count();
    here.cpus += vm->vcpus;
  }
  schedule::HostState state;
  state.name = host.name;
  state.capacity = {host.memory ? host.memory->count() : all.memory,
                    host.vcpus ? std::int64_t{*host.vcpus} : all.cpus};
  state.must_be_empty = host.name == now_.goal.empty;
  if (takes_vms(host)) {  // what runs there runs there, whatever somebody wrote down
    state.capacity.memory = std::max(state.capacity.memory, here.memory);
    state.capacity.cpus = std::max(state.capacity.cpus, here.cpus);
  } else {
    state.capacity = here;
  }
  return state;
}

schedule::VmState Planning::vm_state(const FleetVm& vm) const {
  schedule::VmState state;
  state.name = vm.name;
  state.on = *host_index(now_.inventory, vm.host);
  state.takes = {vm.memory.count(), vm.vcpus};
  const Wish& wish = wish_for(vm.name);
  state.not_before = wish.not_before;
  state.priority = wish.priority;
  state.apart = wish.apart;
  state.together = wish.together;
  state.fixed = !is_to_move(vm.name);
  if (state.fixed) return state;
  state.load = way_of(vm.name).load;
  const auto wanted = now_.goal.bring.find(vm.name);
  if (wanted != now_.goal.bring.end()) state.to = host_index(now_.inventory, wanted->second);
  for (std::size_t i = 0; i < now_.inventory.hosts.size(); ++i) {
    const bool other = i != state.on;
    if (other && barred(vm.name, now_.inventory.hosts[i].name) != nullptr) state.barred.insert(i);
  }
  return state;
}

/// Of a VM that may be there: it takes its room, and keeps others of its group away.
schedule::VmState Planning::stand_in(const FleetVm& vm) const {
  schedule::VmState state;
  state.name = vm.name + '\n' + vm.host;  // unlike any VM's
  state.on = *host_index(now_.inventory, vm.host);
  state.takes = {vm.memory.count(), vm.vcpus};
  state.apart = wish_for(vm.name).apart;
  state.fixed = true;
  return state;
}

schedule::Problem Planning::problem() const {
  schedule::Problem problem;
  problem.network = now_.inventory.network;
  for (const FleetHost& host : now_.inventory.hosts) problem.hosts.push_back(host_state(host));
  for (const FleetVm& vm : there_) {
    const bool known = problem.vms.size() < now_.inventory.vms.size();
    problem.vms.push_back(known ? vm_state(vm) : stand_in(vm));
  }
  for (const MoveUnderWay& one : now_.under_way) {
    const auto vm = std::find_if(there_.begin(), there_.end(),
                                 [&](const FleetVm& known) { return known.name == one.vm; });
    if (vm == there_.end()) continue;
    const auto index = static_cast<std::size_t>(vm - there_.begin());
    problem.under_way.push_back({index, *host_index(now_.inventory, one.from), one.rate, one.left});
  }
  problem.overhead = now_.prepared ? Seconds(0) : costs_.overhead;
  return problem;
}

std::vector<PlannedMove> Planning::moves(const schedule::Plan& plan) const {
  std::vector<PlannedMove> moves;
  for (const schedule::Move& move : plan.moves) {
    PlannedMove one;
    one.vm = now_.inventory.vms[move.vm].name;
    one.from = now_.inventory.hosts[move.from].name;
    one.to = now_.inventory.hosts[move.to].name;
    one.technique = way_of(one.vm).technique;
    one.parameters = way_of(one.vm).parameters;
    one.rate = move.rate;
    one.start = move.start;
    one.end = move.end;
    one.not_before = wish_for(one.vm).not_before;
    for (std::size_t i = 0; i < moves.size(); ++i) {
      if (plan.moves[i].end <= move.start + kAtOnce) one.after.push_back(i);
    }
    for (const MoveUnderWay& other : now_.under_way) {
      if (other.left <= move.start + kAtOnce) one.after_vms.push_back(other.vm);
    }
    moves.push_back(std::move(one));
  }
  return moves;
}

Interval<Seconds> interval_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {Seconds(sorted_quantile(values, 0.5)), Seconds(sorted_quantile(values, 0.05)),
          Seconds(sorted_quantile(values, 0.95))};
}

/// The same order with durations that err log-normally: each of its own, all of a run a little
/// together, and those beside the streams.
void Planning::draw(FleetPlan& plan) {
  const std::size_t count = plan.moves.size();
  std::vector<std::vector<double>> done(count), takes(count);
  std::vector<double> last;
  for (int draw = 0; draw < kDraws; ++draw) {
    const double together = std::sqrt(kInCommon) * rng_.normal();
    const double prepared = std::exp(kCostsError * rng_.normal());
    const double after = costs_.after.count() * std::exp(kCostsError * rng_.normal());
    std::vector<double> ends;
    double latest = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const PlannedMove& move = plan.moves[i];
      const bool first = move.after.empty() && move.start > move.not_before;
      const double begins = move.after_vms.empty() ? prepared : 1;
      double start = std::max(move.not_before.count(), first ? move.start.count() * begins : 0.0);
      for (const std::size_t other : move.after) start = std::max(start, ends[other]);
      const Seconds planned = move.end - move.start;
      const double error = together + std::sqrt(1 - kInCommon) * rng_.normal();
      const Way& way = way_of(move.vm);
      takes[i].push_back(planned.count() * std::exp((error > 0 ? way.later : way.sooner) * error));
      ends.push_back(start + takes[i].back());
      done[i].push_back(ends.back() + after);
      latest = std::max(latest, done[i].back());
    }
    last.push_back(latest);
  }
  if (count > 0) plan.finish = interval_of(std::move(last));
  for (std::size_t i = 0; i < count; ++i) {
    plan.moves[i].finish = interval_of(std::move(done[i]));
    plan.moves[i].longest = interval_of(std::move(takes[i])).p95;
  }
}

/// In people's units; nothing where room is not what is missing.
std::optional<Blocked> Planning::no_room(const FleetVm& vm, const schedule::Plan& plan) const {
  std::vector<std::string> takers;
  const Error* why = nullptr;  // a host that may take it can't
  Bytes most;
  for (std::size_t i = 0; i < now_.inventory.hosts.size(); ++i) {
    const FleetHost& host = now_.inventory.hosts[i];
    if (host.name == vm.host || !may_take_vms(host)) continue;
    if (const Error* const no = barred(vm.name, host.name)) {
      why = no;
      continue;
    }
    schedule::Capacity left = host_state(host).capacity;
    for (std::size_t j = 0; j < there_.size(); ++j) {
      std::size_t at = *host_index(now_.inventory, there_[j].host);
      for (const schedule::Move& move : plan.moves) at = move.vm == j ? move.to : at;
      if (at != i) continue;
      left.memory -= there_[j].memory.count();
      left.cpus -= there_[j].vcpus;
    }
    if (left.memory >= vm.memory.count() && left.cpus >= vm.vcpus) return std::nullopt;
    takers.push_back(host.name);
    most = std::max(most, Bytes(left.memory));
  }
  if (takers.empty() && why != nullptr) {
    return Blocked{vm.name, fmt::format("no host can take it: {}", why->message), why->what_to_do};
  }
  if (takers.empty()) {
    return Blocked{vm.name, "no host may take it", "name more hosts, or lift a cordon"};
  }
  return Blocked{vm.name,
                 fmt::format("it needs {} and {} vCPUs, and no host that may take it ({}) has that "
                             "left (at most {})",
                             human(vm.memory), vm.vcpus, fmt::join(takers, ", "), human(most)),
                 "add a host, make room on one, or keep the VM where it is"};
}

/// Or may it be where it is not to be?
bool Planning::is_wanted_elsewhere(const std::string& vm, const Unclear& unclear) const {
  const Goal& goal = now_.goal;
  const FleetVm* const known = find_vm(now_.inventory, vm);
  const bool kept = std::find(goal.keep.begin(), goal.keep.end(), vm) != goal.keep.end();
  const bool leaves =
      unclear.hosts.contains(goal.empty) || (known != nullptr && known->host == goal.empty);
  return goal.bring.contains(vm) || (leaves && !kept);
}

std::vector<Blocked> Planning::blockers(const schedule::Plan& plan) const {
  std::vector<Blocked> all;
  for (const auto& [name, unclear] : now_.unclear) {
    if (now_.settled.contains(name)) continue;
    if (is_wanted_elsewhere(name, unclear)) all.push_back(unclear.why);
  }
  for (const auto& [name, estimate] : now_.estimates) {
    if (now_.settled.contains(name) || now_.unclear.contains(name)) continue;
    const Error* const barred = barred_from_its_host(name);
    if (estimate.blocked) {
      all.push_back(*estimate.blocked);
    } else if (barred != nullptr) {
      all.push_back({name, barred->message, barred->what_to_do});
    }
  }
  for (const schedule::Blocker& blocker : plan.blockers) {
    const FleetVm& vm = there_[blocker.vm];
    if (!is_to_move(vm.name)) continue;  // it stays, as somebody wants, or is said already
    const auto room = no_room(vm, plan);
    all.push_back(room ? *room : Blocked{vm.name, blocker.why, blocker.what_to_do});
  }
  return all;
}

Result<FleetPlan> Planning::run() {
  GODWIT_TRY(const schedule::Plan made, schedule::make_plan(problem(), transfer_model(), rng_));
  FleetPlan plan;
  plan.moves = moves(made);
  plan.blockers = blockers(made);
  for (const StoppedVm& vm : now_.inventory.stopped) {
    const bool stays = vm.host == now_.goal.empty && !now_.unclear.contains(vm.name);
    if (stays) plan.stopped.push_back(vm.name);
  }
  plan.lower_bound = made.lower_bound + (plan.moves.empty() ? Seconds(0) : costs_.after);
  plan.overhead = costs_.overhead;
  draw(plan);
  return plan;
}

}  // namespace

std::vector<Blocked> in_the_way(const FleetPlan& plan, const Situation& situation) {
  std::vector<Blocked> blockers = plan.blockers;
  std::erase_if(blockers, [&](const Blocked& one) { return situation.unclear.contains(one.vm); });
  return blockers;
}

std::vector<FleetVm> where_else_they_may_be(const Situation& situation) {
  std::vector<FleetVm> all;
  for (const auto& [name, unclear] : situation.unclear) {
    const FleetVm* const known = find_vm(situation.inventory, name);
    if (known == nullptr) continue;
    for (const std::string& host : unclear.hosts) {
      if (host == known->host || !host_index(situation.inventory, host)) continue;
      all.push_back(*known);
      all.back().host = host;
    }
  }
  return all;
}

Result<FleetPlan> make_plan(const Situation& situation, const Costs& costs, Rng& rng) {
  GODWIT_CHECK_OK(check(situation.inventory, situation.goal));
  return Planning(situation, costs, rng).run();
}

}  // namespace godwit::fleet
