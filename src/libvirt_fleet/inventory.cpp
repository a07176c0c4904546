#include "inventory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <set>
#include <utility>

namespace godwit::libvirt_fleet {
namespace {

using Said = std::map<std::string, libvirt::HostFacts>;

/// Names that domains of more than one UUID run by.
std::set<std::string> ambiguous_names(const Said& said) {
  std::map<std::string, std::string> uuids;
  std::set<std::string> several;
  for (const auto& [host, facts] : said) {
    for (const libvirt::HostedDomain& one : facts.active) {
      if (uuids.try_emplace(one.name, one.uuid).first->second != one.uuid) several.insert(one.name);
    }
  }
  return several;
}

/// Two names of one machine; nothing where none of these is known to be another.
std::optional<Error> one_machine_among(const std::vector<Sighting>& seen) {
  std::map<std::string, std::string> hosts;  // by machine
  for (const Sighting& one : seen) {
    if (one.machine.empty()) continue;
    const auto [other, fresh] = hosts.try_emplace(one.machine, one.host);
    if (fresh) continue;
    return libvirt::one_machine(
        fmt::format("host {} and host {} are one machine", other->second, one.host));
  }
  return std::nullopt;
}

/// Or all that runs there would seem to run twice.
Result<void> check_machines(const Said& said) {
  std::vector<Sighting> all;
  for (const auto& [host, facts] : said) all.push_back({host, facts.machine});
  if (auto same = one_machine_among(all)) return fail(std::move(*same));
  return {};
}

}  // namespace

Error at_several(const std::string& vm, const std::vector<Sighting>& seen) {
  if (auto same = one_machine_among(seen)) return std::move(*same);
  std::vector<std::string> hosts;
  std::set<std::string> domains;
  bool known = true;
  for (const Sighting& one : seen) {
    hosts.push_back(one.host);
    domains.insert(one.domain);
    known = known && !one.machine.empty();
  }
  if (domains.size() > 1) {
    return {ErrorCode::kBusy,
            fmt::format("different domains of the name {} run on host {}", vm,
                        fmt::join(hosts, " and on host ")),
            "run this command again: it then tells them apart by their UUIDs"};
  }
  return {ErrorCode::kBusy,
          fmt::format("VM {} runs on host {}", vm, fmt::join(hosts, " and on host ")),
          known ? "if nobody is moving it just now: pause both at once (virsh suspend), then "
                  "destroy the one with the older state"
                : "leave the guest alone until it is clear that these are different machines: not "
                  "every daemon told its machine's UUID (virsh capabilities)"};
}

Result<void> fill(fleet::Inventory& inventory, const Said& said,
                  const std::map<std::string, std::string>& open) {
  GODWIT_CHECK_OK(check_machines(said));
  const std::set<std::string> several = ambiguous_names(said);
  std::map<std::string, std::string> runs_at;  // by UUID
  for (fleet::FleetHost& host : inventory.hosts) {
    const auto facts = said.find(host.name);
    if (facts == said.end()) continue;
    if (!host.memory) host.memory = facts->second.memory;
    for (const libvirt::HostedDomain& one : facts->second.active) {
      if (!one.has_guest()) continue;
      const std::string& name = several.contains(one.name) ? one.uuid : one.name;
      const auto [other, fresh] = runs_at.try_emplace(one.uuid, host.name);
      const auto move = open.find(name);
      const bool ours =
          move != open.end() && (move->second == host.name || move->second == other->second);
      if (!fresh && ours) continue;
      if (!fresh) {
        return fail(at_several(one.name, {{other->second, said.at(other->second).machine, one.uuid},
                                          {host.name, facts->second.machine, one.uuid}}));
      }
      inventory.vms.push_back({name, host.name, one.memory, one.vcpus});
    }
  }
  for (const auto& [host, facts] : said) {
    for (const libvirt::HostedDomain& one : facts.stopped) {
      if (!runs_at.contains(one.uuid)) inventory.stopped.push_back({one.name, host});
    }
  }
  return {};
}

}  // namespace godwit::libvirt_fleet
