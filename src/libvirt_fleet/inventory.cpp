#include "inventory.h"

#include <fmt/format.h>

#include <set>

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

}  // namespace

Result<void> fill(fleet::Inventory& inventory, const Said& said,
                  const std::map<std::string, std::string>& open) {
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
        return fail(ErrorCode::kBusy,
                    fmt::format("domain {} runs on host {} and on host {}", one.name, other->second,
                                host.name),
                    "if nobody is moving it just now: pause both at once (virsh suspend), then "
                    "destroy the one with the older state");
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
