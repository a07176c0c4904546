#include "godwit/libvirt_move/preflight.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "godwit/base/quantity.h"
#include "godwit/domain/combination_rule.h"
#include "godwit/libvirt/connection.h"
#include "godwit/libvirt/domain_xml.h"
#include "godwit/libvirt/host.h"
#include "known_faults.h"

namespace godwit::libvirt_move {
namespace {

using libvirt::abilities_of;
using libvirt::Api;
using libvirt::Connection;
using libvirt::DomainDisk;
using libvirt::DomainFacts;
using libvirt::DomainHandle;
using libvirt::DomainState;
using libvirt::Free;
using libvirt::LibvirtDomain;
using libvirt::machine_of;
using libvirt::memory_free;
using libvirt::one_machine;
using libvirt::parse_domain;

/// Both hosts, and the domain as it would have to be there.
struct Pair {
  const Connection& source;
  const Connection& destination;
  const DomainFacts& domain;  ///< as migration sends it: no names that only the source knows
};

Result<void> check_hosts(const Pair& pair) {
  GODWIT_TRY(const std::string here, machine_of(pair.source));
  GODWIT_TRY(const std::string there, machine_of(pair.destination));
  if (here.empty() || here != there) return {};
  return fail(one_machine("source and destination are one host"));
}

/// A domain of that name or UUID is in the way where it runs; one that is only defined has to be
/// the same.
Result<void> check_name(const Pair& pair) {
  const auto by_uuid = pair.destination.find(pair.domain.uuid);
  if (by_uuid) {
    GODWIT_TRY(const DomainState state, pair.destination.state_of(by_uuid->get()));
    if (!state.active()) return {};
    return fail(ErrorCode::kBusy,
                fmt::format("domain {} runs at the destination already", pair.domain.name),
                "it may be received just now: see virsh domstate on both hosts");
  }
  const auto by_name = pair.destination.find(pair.domain.name);
  if (!by_name) return {};
  return fail(ErrorCode::kBusy,
              fmt::format("the destination has another domain of the name {}", pair.domain.name),
              "rename one of them (virsh domrename), as libvirt tells them apart by name");
}

Result<void> check_machine(const Pair& pair) {
  const DomainFacts& domain = pair.domain;
  const std::string can = Connection::take(pair.destination.api().virConnectGetDomainCapabilities(
      pair.destination.get(), nullptr, domain.arch.c_str(), domain.machine.c_str(),
      domain.type.c_str(), 0));
  if (!can.empty()) return {};
  return fail(ErrorCode::kUnsupported,
              fmt::format("the destination can't run a {} of type {} ({}): {}", domain.machine,
                          domain.type, domain.arch, pair.destination.error("it says").message),
              "update QEMU there, give the domain a machine type that both hosts have, or see "
              "whether KVM works there (virt-host-validate)");
}

/// By libvirt's own comparison with what the hypervisor there can give a guest.
Result<void> check_cpu(const Pair& pair, std::vector<std::string>& warnings) {
  const DomainFacts& domain = pair.domain;
  if (domain.cpu.empty()) return {};
  const int compared = pair.destination.api().virConnectCompareHypervisorCPU(
      pair.destination.get(), nullptr, domain.arch.c_str(), domain.machine.c_str(),
      domain.type.c_str(), domain.cpu.c_str(), VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
  if (compared >= VIR_CPU_COMPARE_IDENTICAL) return {};
  Error error = pair.destination.error("the destination can't give the guest its CPU");
  const virErrorPtr last = pair.destination.api().virGetLastError();
  if (last == nullptr || last->code != VIR_ERR_CPU_INCOMPATIBLE) {
    warnings.push_back("CPUs were not compared: " + error.message);
    return {};
  }
  error.code = ErrorCode::kUnsupported;
  return fail(std::move(error));
}

Result<void> check_devices(const Pair& pair) {
  const DomainFacts& domain = pair.domain;
  if (!domain.host_devices.empty()) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("devices of the host are passed through to the guest: {}",
                            fmt::join(domain.host_devices, ", ")),
                "detach them first (virsh detach-device), and attach the destination's afterwards");
  }
  if (!domain.host_folders.empty()) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("folders of the host are passed through to the guest by 9p: {}",
                            fmt::join(domain.host_folders, ", ")),
                "unmount and detach them first, or pass them through by virtiofs");
  }
  return {};
}

/// Where nothing moves along, a disk has to be where the other host reaches it. libvirt itself
/// refuses what it knows to be unsafe; whose contents are only in a file here, it can't tell of.
void look_at_disks(const Pair& pair, bool moved, std::vector<std::string>& warnings) {
  std::vector<std::string> files;
  for (const DomainDisk& one : pair.domain.disks) {
    const bool local = one.type == "file" && one.disk.writable && !one.disk.file.empty();
    if (local && !moved && !one.shareable) files.push_back(one.disk.file);
  }
  if (files.empty()) return;
  warnings.push_back(
      fmt::format("these disks' files must be the same at the destination: {}; where they are not, "
                  "move them along by a technique with +storage",
                  fmt::join(files, ", ")));
}

Result<void> check_networks(const Pair& pair) {
  const Api& api = pair.destination.api();
  const std::set<std::string> wanted(pair.domain.networks.begin(), pair.domain.networks.end());
  for (const std::string& one : wanted) {
    const std::unique_ptr<virNetwork, Free<virNetwork>> network(
        api.virNetworkLookupByName(pair.destination.get(), one.c_str()), {api.virNetworkFree});
    const bool missing = network == nullptr;
    if (missing && api.virGetLastError()->code != VIR_ERR_NO_NETWORK) continue;  // nobody tells
    if (!missing && api.virNetworkIsActive(network.get()) != 0) continue;
    return fail(ErrorCode::kEnvironment,
                fmt::format("the destination's network {} {}", one,
                            missing ? "is not defined" : "is not active"),
                missing ? fmt::format("define it there as it is here (virsh net-dumpxml {0}, "
                                      "net-define, net-start)",
                                      one)
                        : fmt::format("start it there: virsh net-start {}", one));
  }
  return {};
}

Result<void> check_memory(const Pair& pair) {
  const auto free = memory_free(pair.destination);
  if (!free || *free >= pair.domain.memory) return {};
  return fail(ErrorCode::kEnvironment,
              fmt::format("the destination has {} of memory left, the VM needs {}", human(*free),
                          human(pair.domain.memory)),
              "free memory there, or choose another destination");
}

CapabilitySet common(const CapabilitySet& a, const CapabilitySet& b) {
  CapabilitySet both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.begin()));
  return both;
}

Result<void> check_technique(const MigrationPlan& plan, const VmDescription& source,
                             const Findings& found) {
  GODWIT_CHECK_OK(check_combination(plan.technique, source));
  GODWIT_CHECK_OK(check_combination(plan.technique, found.destination));
  for (const Capability one : capabilities_needed(plan.technique)) {
    if (found.abilities.contains(one)) continue;
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("{} needs {}, which QEMU {} and {} can't both do", to_string(plan.technique),
                    to_string(one), source.version, found.destination.version),
        {"choose another technique: ", Setting::kTechnique});
  }
  return {};
}

}  // namespace

Result<Findings> look_at_both(LibvirtDomain& source, const Connection& destination,
                              const MigrationPlan& plan) {
  GODWIT_TRY(const VmDescription here, source.describe());
  if (const auto status = source.migration_status();
      status && status->phase == MigrationPhase::kActive) {
    return fail(ErrorCode::kBusy, "this domain is being migrated already",
                "wait for it, or cancel it: virsh domjobabort");
  }
  const Connection& host = *source.connection();
  GODWIT_TRY(const DomainHandle domain, host.find(source.uuid()));
  GODWIT_TRY(const std::string xml, host.xml_of(domain.get(), VIR_DOMAIN_XML_MIGRATABLE));
  GODWIT_TRY(const DomainFacts facts, parse_domain(xml));
  const Pair pair{host, destination, facts};
  Findings found;
  const Connection::Version version = destination.hypervisor_version();
  found.destination.version = version.text();
  found.destination.version_major = version.major;
  found.destination.version_minor = version.minor;
  found.destination.can = abilities_of(version.major, version.minor);
  found.abilities = common(here.can, found.destination.can);
  GODWIT_CHECK_OK(check_hosts(pair));
  GODWIT_CHECK_OK(check_name(pair));
  GODWIT_CHECK_OK(check_devices(pair));
  GODWIT_CHECK_OK(check_machine(pair));
  GODWIT_CHECK_OK(check_cpu(pair, found.warnings));
  GODWIT_CHECK_OK(check_networks(pair));
  GODWIT_CHECK_OK(check_memory(pair));
  GODWIT_CHECK_OK(check_technique(plan, here, found));
  for (std::string& fault : known_faults(plan.technique, destination.daemon_version())) {
    found.warnings.push_back(std::move(fault));
  }
  look_at_disks(pair, plan.technique.storage, found.warnings);
  return found;
}

}  // namespace godwit::libvirt_move
