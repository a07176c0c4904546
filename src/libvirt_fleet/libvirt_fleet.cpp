#include "godwit/libvirt_fleet/libvirt_fleet.h"

#include <fmt/format.h>

#include <utility>

#include "godwit/base/log.h"
#include "godwit/hosts/engine_move.h"
#include "godwit/libvirt/domain.h"
#include "godwit/libvirt/domain_xml.h"
#include "godwit/libvirt_move/preflight.h"
#include "inventory.h"

namespace godwit::libvirt_fleet {
namespace {

/// Medians of 8 moves of three hosts on one busy machine (docs/evacuating.md): until a move is
/// ready both daemons are connected to and asked, and afterwards the guest is examined.
constexpr fleet::Costs kUsual{Seconds(0.25), Seconds(0.02), Seconds(0.12)};
/// Of a move's own time, what libvirt takes beside QEMU's: 0.34 to 0.39 s from its order to QEMU's
/// start, and 0.22 s behind QEMU's end (libvirt 11.3). A move's total time counts it, and a
/// prediction does not.
constexpr Seconds kLibvirtsOwn{0.58};

/// What was opened by a VM's name is another domain, of which that is the number.
Error ended(const std::string& vm) {
  return {ErrorCode::kNotFound, fmt::format("VM {} has ended meanwhile", vm), ""};
}

}  // namespace

LibvirtFleet::LibvirtFleet(Clock& clock, std::string name, hosts::FleetFile file, std::string host,
                           const std::vector<fleet::Entry>& entries, hosts::EngineMaker engines,
                           std::string store, bool tls)
    : clock_(clock),
      name_(std::move(name)),
      file_(std::move(file)),
      host_(std::move(host)),
      engines_(std::move(engines)),
      store_(std::move(store)),
      tls_(tls) {
  for (const auto& [vm, entry] : under_way(entries)) open_[vm] = entry.to;
}

LibvirtVm LibvirtFleet::address_at(const std::string& host, const std::string& vm) const {
  return {file_.uris.at(host), vm};
}

void LibvirtFleet::set_open(const std::string& vm, std::optional<std::string> host) {
  const std::lock_guard lock(mutex_);
  open_.erase(vm);
  if (host) open_[vm] = std::move(*host);
}

/// One connection to each host, which is opened anew where it is lost.
Result<std::shared_ptr<libvirt::Connection>> LibvirtFleet::connect(const std::string& host) {
  const std::lock_guard lock(mutex_);
  auto& known = connections_[host];
  if (known != nullptr && known->alive()) return known;
  auto fresh = libvirt::Connection::open(file_.uris.at(host));
  if (!fresh) return fail(fresh.error().while_doing(fmt::format("host {}", host)));
  known = std::move(*fresh);
  return known;
}

/// What each host says. One that does not answer takes no VMs, unless it is the one that this is
/// about.
Result<LibvirtFleet::Looks> LibvirtFleet::look_at_all() {
  Looks said;
  std::set<std::string> silent;
  for (const fleet::FleetHost& host : file_.hosts) {
    const auto connection = connect(host.name);
    auto facts = connection ? look_at_host(**connection)
                            : Result<libvirt::HostFacts>(fail(connection.error()));
    if (facts) {
      said[host.name] = std::move(*facts);
      continue;
    }
    if (host.name == host_ || facts.error().code == ErrorCode::kEnvironment) {
      return fail(facts.error());
    }
    silent.insert(host.name);
    log::warning("host {} takes no VMs, as it does not answer: {}", host.name,
                 facts.error().message);
  }
  const std::lock_guard lock(mutex_);
  silent_ = std::move(silent);
  return said;
}

Result<fleet::Inventory> LibvirtFleet::look() {
  fleet::Inventory all{name_, file_.network, file_.hosts, {}};
  if (!host_index(all, host_)) {
    return fail(ErrorCode::kNotFound, fmt::format("{} has no host '{}'", name_, host_),
                fmt::format("its hosts are: {}", host_names(all)));
  }
  GODWIT_TRY(const Looks said, look_at_all());
  const std::lock_guard lock(mutex_);
  GODWIT_CHECK_OK(fill(all, said, open_));
  for (fleet::FleetHost& host : all.hosts) host.cordoned = silent_.contains(host.name);
  at_.clear();
  for (const fleet::FleetVm& vm : all.vms) at_[vm.name] = vm.host;
  return all;
}

Result<VmAddress> LibvirtFleet::address_of(const std::string& vm) {
  const std::lock_guard lock(mutex_);
  const auto at = at_.find(vm);
  if (at != at_.end()) return VmAddress(address_at(at->second, vm));
  return fail(ErrorCode::kNotFound, fmt::format("{} has no VM '{}' that runs", name_, vm));
}

/// By libvirt's own comparisons, as before each migration.
Result<std::map<std::string, Error>> LibvirtFleet::barred(const fleet::FleetVm& vm) {
  GODWIT_TRY(const auto source,
             libvirt::LibvirtDomain::connect(address_at(vm.host, vm.name), clock_));
  if (source->facts().name != vm.name && source->uuid() != vm.name) return fail(ended(vm.name));
  MigrationPlan plan;
  plan.technique = Technique::kPrecopy;
  std::map<std::string, Error> barred;
  for (const fleet::FleetHost& host : file_.hosts) {
    if (host.name == vm.host) continue;
    const auto connection = connect(host.name);
    if (!connection) continue;  // no VM is sent there anyway
    const auto found = libvirt_move::look_at_both(*source, **connection, plan);
    if (!found) barred[host.name] = found.error().while_doing(fmt::format("host {}", host.name));
  }
  return barred;
}

fleet::Costs LibvirtFleet::costs(const std::vector<fleet::Entry>& entries) const {
  fleet::Costs costs = costs_of(entries, kUsual);
  costs.around += kLibvirtsOwn;
  return costs;
}

// --- where a VM is ---

/// By the word of all daemons.
Result<std::string> LibvirtFleet::holder(const std::string& vm) {
  std::vector<Sighting> at;
  std::map<std::string, Error> silent;
  for (const fleet::FleetHost& host : file_.hosts) {
    const auto connection = connect(host.name);
    const auto domain =
        connection ? active_domain(**connection, vm)
                   : Result<std::optional<libvirt::HostedDomain>>(fail(connection.error()));
    if (!domain) {
      silent[host.name] = domain.error();
    } else if (*domain && ((*domain)->leaves || !(*domain)->has_guest())) {
      return fail(ErrorCode::kBusy,
                  fmt::format("VM {} is being moved: it is {} on host {}", vm,
                              (*domain)->state_name, host.name),
                  "wait until that has ended");
    } else if (*domain) {
      at.push_back({host.name, machine_of(**connection).value_or(""), (*domain)->uuid});
    }
  }
  if (at.size() > 1) return fail(at_several(vm, at));
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(vm);
  const bool certain =
      at.empty() ? silent.empty() : open == open_.end() || !silent.contains(open->second);
  if (!certain) return fail(silent.begin()->second);
  if (!at.empty()) return at.front().host;
  return fail(ErrorCode::kNotFound, fmt::format("VM {} runs on none of {}'s hosts", vm, name_));
}

Result<std::string> LibvirtFleet::settle(const std::string& vm, std::stop_token stop) {
  const auto engine = engines_(std::move(stop));
  for (const fleet::FleetHost& host : file_.hosts) {
    GODWIT_CHECK_OK(engine->take_over(to_string(VmAddress(address_at(host.name, vm)))));
  }
  GODWIT_TRY(std::string host, holder(vm));
  set_open(vm, std::nullopt);
  return host;
}

Result<void> LibvirtFleet::check_destination(const std::string&, const std::string& host) {
  if (!file_.uris.contains(host)) {
    return fail(ErrorCode::kNotFound, fmt::format("{} has no host '{}'", name_, host));
  }
  GODWIT_CHECK_OK(connect(host));
  return {};
}

// --- a move ---

Result<MigrationOutcome> LibvirtFleet::move(const fleet::MoveOrder& order,
                                            fleet::MoveWatcher& watcher, std::stop_token stop) {
  const std::string& vm = order.move.vm;
  const std::string& from = order.move.from;
  const std::string& to = order.move.to;
  GODWIT_TRY(const std::string at, holder(vm));
  if (at != from) {
    return fail(ErrorCode::kRefused, fmt::format("VM {} is on host {} now", vm, at));
  }
  set_open(vm, to);
  const auto engine = engines_(std::move(stop));
  const auto moved = [&]() -> Result<MigrationOutcome> {
    GODWIT_TRY(engine::OpenPair pair,
               engine->open_pair(address_at(from, vm), LibvirtHost{file_.uris.at(to)}, {}));
    const VmDescription& opened = pair.source.description;
    if (opened.name != vm && !opened.identity.ends_with(" " + vm)) return fail(ended(vm));
    GODWIT_CHECK_OK(watcher.destination_started(""));
    return hosts::drive(*engine, pair, order, watcher, store_, tls_);
  };
  auto outcome = moved();
  const VmRunsOn runs_on = outcome ? outcome->vm_runs_on : VmRunsOn::kSource;
  if (runs_on == VmRunsOn::kSource || runs_on == VmRunsOn::kDestination) set_open(vm, std::nullopt);
  return outcome;
}

}  // namespace godwit::libvirt_fleet
