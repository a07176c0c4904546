#include "godwit/libvirt_fleet/libvirt_fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
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

/// What hosts say of one VM.
struct LibvirtFleet::Answers {
  std::vector<Sighting> at;
  std::map<std::string, Error> silent;
};

LibvirtFleet::LibvirtFleet(Clock& clock, std::string name, hosts::FleetFile file, std::string host,
                           const std::vector<fleet::Entry>& entries, hosts::EngineMaker engines,
                           std::string store, bool tls, std::stop_token stop)
    : clock_(clock),
      name_(std::move(name)),
      file_(std::move(file)),
      host_(std::move(host)),
      engines_(std::move(engines)),
      store_(std::move(store)),
      tls_(tls),
      stop_(std::move(stop)) {
  for (const auto& [known, uri] : file_.uris) lines_[known];
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

/// Who waits for another thread's attempt hears what comes of that one.
Result<LibvirtFleet::Connected> LibvirtFleet::connect(const std::string& host,
                                                      const std::stop_token& stop) {
  Line& line = lines_.at(host);
  const unsigned before = line.attempts;
  const std::lock_guard lock(line.opening);
  if (line.connection != nullptr && line.connection->alive()) return line.connection;
  if (stop.stop_requested()) return fail(ErrorCode::kInterrupted, "stopped on request");
  const bool interrupted = line.failed && line.failed->code == ErrorCode::kInterrupted;
  if (line.attempts != before && line.failed && !interrupted) return fail(*line.failed);
  auto fresh = libvirt::Connection::open(file_.uris.at(host), {.stop = stop});
  ++line.attempts;
  if (!fresh) {
    line.failed = fresh.error().while_doing(fmt::format("host {}", host));
    note_silence(host, *line.failed);
    return fail(*line.failed);
  }
  line.failed.reset();
  line.connection = std::move(*fresh);
  note_answer(host);
  return line.connection;
}

void LibvirtFleet::note_silence(const std::string& host, const Error& why) {
  if (why.code == ErrorCode::kInterrupted) return;  // nobody waited long enough to know
  const std::lock_guard lock(mutex_);
  silent_[host] = why;
}

void LibvirtFleet::note_answer(const std::string& host) {
  const std::lock_guard lock(mutex_);
  silent_.erase(host);
}

std::optional<Error> LibvirtFleet::silence_of(const std::string& host) {
  const std::lock_guard lock(mutex_);
  const auto found = silent_.find(host);
  return found == silent_.end() ? std::nullopt : std::optional(found->second);
}

/// What each host says. One that does not answer takes no VMs, unless it is the one that this is
/// about.
Result<LibvirtFleet::Looks> LibvirtFleet::look_at_all() {
  Looks said;
  for (const fleet::FleetHost& host : file_.hosts) {
    const auto connection = connect(host.name, stop_);
    auto facts = connection ? look_at_host(**connection)
                            : Result<libvirt::HostFacts>(fail(connection.error()));
    if (facts) {
      note_answer(host.name);
      said[host.name] = std::move(*facts);
      continue;
    }
    const ErrorCode code = facts.error().code;
    if (host.name == host_ || code == ErrorCode::kEnvironment || code == ErrorCode::kInterrupted) {
      return fail(facts.error());
    }
    note_silence(host.name, facts.error());
    log::warning("host {} takes no VMs, as it does not answer: {}", host.name,
                 facts.error().message);
  }
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

/// By libvirt's own comparisons, as before each migration. Hosts that are silent are not waited for
/// once more for each VM.
Result<std::map<std::string, Error>> LibvirtFleet::barred(const fleet::FleetVm& vm) {
  if (stop_.stop_requested()) return fail(ErrorCode::kInterrupted, "stopped on request");
  if (const auto silent = silence_of(vm.host)) return fail(*silent);
  const auto opened = libvirt::LibvirtDomain::connect(address_at(vm.host, vm.name), clock_, stop_);
  if (!opened) {
    if (opened.error().code == ErrorCode::kPeerGone) note_silence(vm.host, opened.error());
    return fail(opened.error());
  }
  libvirt::LibvirtDomain& source = **opened;
  if (source.facts().name != vm.name && source.uuid() != vm.name) return fail(ended(vm.name));
  MigrationPlan plan;
  plan.technique = Technique::kPrecopy;
  std::map<std::string, Error> barred;
  for (const fleet::FleetHost& host : file_.hosts) {
    if (host.name == vm.host) continue;
    const auto silent = silence_of(host.name);
    const auto connection = silent ? Result<Connected>(fail(*silent)) : connect(host.name, stop_);
    if (!connection) {
      barred[host.name] = connection.error();
      continue;
    }
    const auto found = libvirt_move::look_at_both(source, **connection, plan);
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

Result<void> LibvirtFleet::ask(const std::string& host, const std::string& vm, Answers& answers) {
  const auto connection = connect(host, {});
  const auto domain = connection
                          ? active_domain(**connection, vm)
                          : Result<std::optional<libvirt::HostedDomain>>(fail(connection.error()));
  if (!domain) {
    answers.silent[host] = domain.error();
  } else if (*domain && ((*domain)->leaves || !(*domain)->has_guest())) {
    return fail(
        ErrorCode::kBusy,
        fmt::format("VM {} is being moved: it is {} on host {}", vm, (*domain)->state_name, host),
        "wait until that has ended");
  } else if (*domain) {
    answers.at.push_back({host, machine_of(**connection).value_or(""), (*domain)->uuid});
  }
  return {};
}

/// By the word of the daemons that answer, and of the one at which a move of this VM was begun:
/// that one's silence leaves it unknown. The other silent ones are asked where nobody else has it.
Result<std::string> LibvirtFleet::holder(const std::string& vm) {
  std::optional<std::string> opened;
  std::vector<std::string> later;
  {
    const std::lock_guard lock(mutex_);
    if (const auto open = open_.find(vm); open != open_.end()) opened = open->second;
    for (const auto& [host, why] : silent_) {
      if (host != opened) later.push_back(host);
    }
  }
  Answers answers;
  for (const fleet::FleetHost& host : file_.hosts) {
    const bool skipped = std::find(later.begin(), later.end(), host.name) != later.end();
    if (!skipped) GODWIT_CHECK_OK(ask(host.name, vm, answers));
  }
  for (const std::string& host : later) {
    if (answers.at.empty()) GODWIT_CHECK_OK(ask(host, vm, answers));
  }
  const auto& silent = answers.silent;
  if (answers.at.size() > 1) return fail(at_several(vm, answers.at));
  if (opened && silent.contains(*opened)) return fail(silent.at(*opened));
  if (!answers.at.empty()) return answers.at.front().host;
  if (!silent.empty()) return fail(silent.begin()->second);
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
  GODWIT_CHECK_OK(connect(host, stop_));
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
