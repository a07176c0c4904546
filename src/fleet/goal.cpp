#include "godwit/fleet/goal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace godwit::fleet {
namespace {

tl::unexpected<Error> bad(std::string message, std::string what_to_do) {
  return fail(ErrorCode::kBadInput, std::move(message), std::move(what_to_do));
}

Result<const FleetHost*> require_host(const Inventory& inventory, const std::string& host) {
  if (const auto index = host_index(inventory, host)) return &inventory.hosts[*index];
  return fail(ErrorCode::kNotFound, fmt::format("{} has no host '{}'", inventory.name, host),
              fmt::format("its hosts are: {}", host_names(inventory)));
}

Result<void> check_destination(const Inventory& inventory, const Goal& goal,
                               const std::string& host) {
  GODWIT_TRY(const FleetHost* const found, require_host(inventory, host));
  if (host == goal.empty) {
    return bad(fmt::format("host {} is to be empty, and to take VMs", host), "name other hosts");
  }
  if (found->cordoned) {
    return bad(fmt::format("host {} is cordoned", host), "name another host, or lift its cordon");
  }
  return {};
}

Result<void> check_to(const Inventory& inventory, const Goal& goal) {
  std::set<std::string> seen;
  for (const std::string& host : goal.to) {
    if (!seen.insert(host).second) {
      return bad(fmt::format("host {} is named twice", host), "name each host once");
    }
    GODWIT_CHECK_OK(check_destination(inventory, goal, host));
  }
  return {};
}

Result<void> check_keep(const Inventory& inventory, const Goal& goal) {
  std::set<std::string> seen;
  for (const std::string& name : goal.keep) {
    const FleetVm* const vm = find_vm(inventory, name);
    if (vm == nullptr || (!goal.empty.empty() && vm->host != goal.empty)) {
      return fail(ErrorCode::kNotFound, fmt::format("host {} has no VM '{}'", goal.empty, name),
                  "name VMs that run there");
    }
    if (!seen.insert(name).second) {
      return bad(fmt::format("VM {} is named twice", name), "name each VM once");
    }
  }
  return {};
}

/// Where a host is to be emptied, some other one must take its VMs.
Result<void> check_takers(const Inventory& inventory, const Goal& goal) {
  if (goal.empty.empty() || !goal.to.empty()) return {};
  const bool any =
      std::any_of(inventory.hosts.begin(), inventory.hosts.end(),
                  [&](const FleetHost& host) { return host.name != goal.empty && !host.cordoned; });
  if (any) return {};
  return bad(
      fmt::format("no host may take the VMs of host {}: all others are cordoned", goal.empty),
      "lift the cordon of one of them");
}

}  // namespace

std::optional<std::size_t> host_index(const Inventory& inventory, std::string_view host) {
  for (std::size_t i = 0; i < inventory.hosts.size(); ++i) {
    if (inventory.hosts[i].name == host) return i;
  }
  return std::nullopt;
}

const FleetVm* find_vm(const Inventory& inventory, std::string_view vm) {
  const auto at = std::find_if(inventory.vms.begin(), inventory.vms.end(),
                               [vm](const FleetVm& one) { return one.name == vm; });
  return at == inventory.vms.end() ? nullptr : &*at;
}

bool has_vm(const Inventory& inventory, std::string_view vm) {
  return find_vm(inventory, vm) != nullptr ||
         std::any_of(inventory.stopped.begin(), inventory.stopped.end(),
                     [vm](const StoppedVm& one) { return one.name == vm; });
}

std::string host_names(const Inventory& inventory) {
  std::vector<std::string> names;
  for (const FleetHost& host : inventory.hosts) names.push_back(host.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<void> check(const Inventory& inventory, const Goal& goal) {
  if (!goal.empty.empty()) GODWIT_CHECK_OK(require_host(inventory, goal.empty));
  for (const auto& [vm, host] : goal.bring) {
    if (find_vm(inventory, vm) == nullptr) {
      return fail(ErrorCode::kNotFound, fmt::format("{} has no VM '{}'", inventory.name, vm));
    }
    GODWIT_CHECK_OK(check_destination(inventory, goal, host));
  }
  GODWIT_CHECK_OK(check_to(inventory, goal));
  GODWIT_CHECK_OK(check_keep(inventory, goal));
  if (goal.within && *goal.within <= Seconds(0)) {
    return bad("the time by which all is to be done has passed", "give one that is to come");
  }
  return check_takers(inventory, goal);
}

std::vector<std::string> vms_to_move(const Inventory& inventory, const Goal& goal) {
  std::vector<std::string> names;
  for (const FleetVm& vm : inventory.vms) {
    const auto wanted = goal.bring.find(vm.name);
    const bool leaves = !goal.empty.empty() && vm.host == goal.empty &&
                        std::find(goal.keep.begin(), goal.keep.end(), vm.name) == goal.keep.end();
    if (leaves || (wanted != goal.bring.end() && wanted->second != vm.host)) {
      names.push_back(vm.name);
    }
  }
  return names;
}

}  // namespace godwit::fleet
