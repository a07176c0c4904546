#include "godwit/schedule/problem.h"

#include <fmt/format.h>

#include <map>

namespace godwit::schedule {
namespace {

tl::unexpected<Error> bad(std::string message, std::string what_to_do) {
  return fail(ErrorCode::kBadInput, std::move(message), std::move(what_to_do));
}

Result<void> check_vm(const Problem& problem, const VmState& vm) {
  const std::size_t hosts = problem.hosts.size();
  if (vm.on >= hosts || vm.to.value_or(0) >= hosts) {
    return bad(fmt::format("VM {} is on, or goes to, a host that is not listed", vm.name),
               "list every host that VMs name");
  }
  if (vm.to && vm.barred.contains(*vm.to)) {
    return bad(fmt::format("VM {} is to go to host {}, which can't take it", vm.name,
                           problem.hosts[*vm.to].name),
               "let it go elsewhere");
  }
  if (vm.takes.memory < 0 || vm.takes.cpus < 0 || vm.load.memory < Bytes(0)) {
    return bad(fmt::format("VM {} takes less than nothing", vm.name), "correct what it takes");
  }
  if (problem.hosts[vm.on].usable_from > Seconds(0)) {
    return bad(fmt::format("VM {} is on host {}, which is off", vm.name, problem.hosts[vm.on].name),
               "say that the host is on, or where the VM runs");
  }
  if (vm.to && problem.hosts[*vm.to].must_be_empty) {
    return bad(fmt::format("VM {} is to go to host {}, which is to be empty", vm.name,
                           problem.hosts[*vm.to].name),
               "let it go elsewhere, or take the host out of those to be empty");
  }
  return {};
}

Result<void> check_under_way(const Problem& problem) {
  for (const UnderWay& one : problem.under_way) {
    const bool known = one.vm < problem.vms.size() && one.from < problem.hosts.size();
    if (known && one.from != problem.vms[one.vm].on && one.rate.value() >= 0) continue;
    return bad("a migration is under way of no VM, from no other host, or at less than no rate",
               "list VMs that are under way on their destinations");
  }
  return {};
}

/// Of all VMs on each host, now or at the end.
Result<void> check_loads(const Problem& problem, bool at_the_end) {
  std::vector<Capacity> taken(problem.hosts.size());
  for (const VmState& vm : problem.vms) {
    Capacity& here = taken[at_the_end ? vm.to.value_or(vm.on) : vm.on];
    here.memory += vm.takes.memory;
    here.cpus += vm.takes.cpus;
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const HostState& host = problem.hosts[i];
    if (taken[i].memory <= host.capacity.memory && taken[i].cpus <= host.capacity.cpus) continue;
    return bad(
        fmt::format("host {} has {} of memory and {} processors, and its VMs {} take {} and {}",
                    host.name, host.capacity.memory, host.capacity.cpus,
                    at_the_end ? "would in the end" : "now", taken[i].memory, taken[i].cpus),
        at_the_end ? "let fewer VMs go there" : "correct what the host has, or its VMs take");
  }
  return {};
}

Result<void> check_groups(const Problem& problem) {
  std::map<std::string, std::string> apart_of;  // a group that is to be together → its apart
  std::map<std::string, std::size_t> wanted;
  std::map<std::pair<std::string, std::size_t>, const VmState*> ends;
  for (const VmState& vm : problem.vms) {
    if (!vm.apart.empty() && vm.to) {
      const auto [other, first] = ends.try_emplace({vm.apart, *vm.to}, &vm);
      if (!first) {
        return bad(fmt::format("VMs {} and {} are to be apart, and both to go to host {}",
                               other->second->name, vm.name, problem.hosts[*vm.to].name),
                   "send one of them elsewhere");
      }
    }
    if (vm.together.empty()) continue;
    if (vm.to && wanted.try_emplace(vm.together, *vm.to).first->second != *vm.to) {
      return bad(fmt::format("VM {} is to be together with others that go elsewhere", vm.name),
                 "let all of a group go to one host");
    }
    if (!vm.apart.empty() && !apart_of.try_emplace(vm.together + '\n' + vm.apart, vm.name).second) {
      return bad(fmt::format("VM {} is to be both together with and apart from VM {}", vm.name,
                             apart_of[vm.together + '\n' + vm.apart]),
                 "take one of them out of a group");
    }
  }
  return {};
}

}  // namespace

Result<void> check(const Problem& problem) {
  if (problem.network.hosts.size() != problem.hosts.size()) {
    return bad("the network has other hosts than the problem", "list the same hosts in both");
  }
  std::map<std::string, int> names;
  for (const VmState& vm : problem.vms) {
    if (names[vm.name]++ > 0)
      return bad(fmt::format("VM {} is named twice", vm.name), "list it once");
    GODWIT_CHECK_OK(check_vm(problem, vm));
  }
  GODWIT_CHECK_OK(check_under_way(problem));
  GODWIT_CHECK_OK(check_loads(problem, false));
  GODWIT_CHECK_OK(check_loads(problem, true));
  return check_groups(problem);
}

}  // namespace godwit::schedule
