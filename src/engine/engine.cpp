#include "godwit/engine/engine.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <utility>

#include "both_sides.h"
#include "godwit/base/log.h"
#include "godwit/base/rng.h"
#include "godwit/control/dirty_count.h"
#include "godwit/engine/history.h"
#include "godwit/pair/pair_session.h"
#include "godwit/pair/sink_session.h"
#include "godwit/probe/ping_probe.h"
#include "godwit/storage/watch_lease.h"
#include "godwit/store/journal.h"
#include "law_for.h"
#include "law_quota.h"
#include "same_files.h"

namespace godwit::engine {
namespace {

/// Where libvirt's destinations listen first (migration_port_min in qemu.conf): it leads to the
/// same interface as any other.
constexpr const char* kFirstLibvirtPort = "49152";

/// Both names lead to one socket, by whatever links.
bool same_file(const std::string& a, const std::string& b) {
  std::error_code unknown;
  return a == b || std::filesystem::equivalent(a, b, unknown);
}

pair::End end_of(const std::string& name, const OpenVm& vm) {
  return {name, vm.description.pid, vm.description.process_started, vm.description.identity};
}

pair::Ends ends_of(const OpenPair& pair, Journal& journal) {
  pair::Ends ends{*pair.source.hypervisor, *pair.destination.hypervisor, pair.stream};
  ends.listen = pair.listen;
  ends.journal = &journal;
  ends.source_end = end_of(pair.source_name, pair.source);
  ends.destination_end = end_of(pair.destination_name, pair.destination);
  return ends;
}

std::unique_ptr<MigrationSession> session_of(Clock& clock, const OpenPair& pair, Journal& journal,
                                             const Lent& lent) {
  if (pair.manager != nullptr) {
    return pair.manager->session(journal, pair.source_name, pair.destination_name, lent);
  }
  pair::Ends ends = ends_of(pair, journal);
  ends.cpu_quota = lent.cpu_quota;
  ends.carrier = lent.carrier;
  ends.disk_copier = lent.disk_copier;
  return pair::make_session(clock, ends);
}

JournalEntry source_entry(const pair::End& end) {
  JournalEntry entry;
  entry.source = end.name;
  entry.source_pid = end.pid;
  entry.source_started = end.started;
  entry.source_identity = end.identity;
  return entry;
}

/// Those that can't be watched have sizes only.
profile::WatchedDisks begin_watch(Clock& clock, storage::WatchLease& lease,
                                  const std::vector<Disk>& disks, Observer& observer) {
  profile::WatchedDisks watched{disks};
  if (disks.empty()) return watched;
  std::vector<std::string> names;
  for (const Disk& disk : disks) names.push_back(disk.device);
  const auto begun = lease.begin(names);
  if (!begun) {
    observer.warning("how the VM's disks are written can't be seen: " + begun.error().message);
  }
  watched.watch = lease.watch();
  watched.since = clock.now();
  return watched;
}

std::unique_ptr<OutageProbe> ping_of(const PingTarget& ping) {
  if (ping.address.empty()) return nullptr;
  probe::PingOptions options;
  options.target = ping.address;
  if (!ping.netns.empty()) options.netns = ping.netns;
  return std::make_unique<probe::PingProbe>(std::move(options));
}

/// Gives the record its id.
void keep(OutcomeRecord& record, const Places& places, const std::string& file,
          Observer& observer) {
  const auto kept = [&]() -> Result<std::int64_t> {
    GODWIT_TRY(const auto store, open_store(places, file));
    return store->append(record);
  }();
  if (kept) {
    record.id = *kept;
  } else {
    observer.warning("the outcome could not be kept: " + kept.error().message);
  }
}

}  // namespace

Engine::Engine(Clock& clock, std::unique_ptr<Opener> opener, Places places, std::stop_token stop,
               std::stop_token leave)
    : clock_(clock),
      opener_(std::move(opener)),
      places_(std::move(places)),
      stop_(std::move(stop)),
      leave_(std::move(leave)),
      contents_(std::make_unique<SameContents>()) {}
Engine::~Engine() = default;

// --- one VM ---

Result<OpenVm> Engine::open(const VmAddress& address, Access access) {
  GODWIT_TRY(const std::string monitor, opener_->monitor_of(address, access));
  return open_monitor(monitor, access);
}

Result<OpenVm> Engine::open_monitor(const std::string& monitor, Access access) {
  OpenVm vm;
  GODWIT_TRY(vm.hypervisor, opener_->connect(monitor));
  GODWIT_TRY(vm.description, vm.hypervisor->describe());
  if (access == Access::kDrive) GODWIT_CHECK_OK(begin_driving(vm));
  return vm;
}

Result<void> Engine::begin_driving(OpenVm& vm) {
  if (vm.access == Access::kDrive) return {};
  if (vm.description.pid != 0) {
    GODWIT_TRY(vm.lock, opener_->lock(vm.description.pid));
  }
  GODWIT_CHECK_OK(recover_before_driving(vm));
  vm.access = Access::kDrive;
  return {};
}

Result<std::unique_ptr<GuestMemory>> Engine::memory_of(OpenVm& vm) {
  auto memory = opener_->memory_of(*vm.hypervisor);
  if (memory) return memory;
  Error error = std::move(memory).error();
  if (error.code == ErrorCode::kPermission) {
    error.what_to_do += {"; or migrate without a prediction: godwit migrate ", Setting::kNoProfile};
  }
  return fail(std::move(error));
}

Result<GuestProfile> Engine::observe(OpenVm& vm, const ObserveRequest& request,
                                     Observer& observer) {
  observer.observing(request.vm, request.duration);
  GODWIT_TRY(const auto memory, memory_of(vm));
  Rng rng(std::random_device{}());
  profile::ObserveOptions options;
  options.length = request.duration;
  options.cpu_cap = request.cpu_cap;
  options.vm = request.vm;
  options.vcpus = vm.description.vcpus;
  options.accelerator = vm.description.accelerator;
  options.qemu_version = vm.description.version;
  const auto activity = opener_->activity_of(*vm.hypervisor, vm.description.pid);
  options.activity = activity.get();
  std::filesystem::path path;
  if (!request.disks.empty()) {
    GODWIT_TRY(path, places_.journal());
  }
  store::FileJournal journal(path);
  storage::WatchLease lease(clock_, journal, *vm.hypervisor, source_entry(end_of(request.vm, vm)));
  options.disks = begin_watch(clock_, lease, request.disks, observer);
  auto seen = profile::observe(
      *memory, clock_, rng, options, stop_,
      [&observer](const profile::ObserveProgress& p) { observer.on_observing(p); });
  lease.end();
  if (seen && request.count_dirtied) {
    GODWIT_CHECK_OK(count_where_possible(vm, *seen, observer));
  }
  return seen;
}

Result<void> Engine::count_where_possible(OpenVm& vm, GuestProfile& profile, Observer& observer) {
  auto counted = control::count_dirtied(clock_, *vm.hypervisor, vm.description, {}, stop_);
  if (counted) {
    control::put_into(profile, std::move(*counted));
    return {};
  }
  const Error& why = counted.error();
  if (why.code == ErrorCode::kInterrupted) return fail(why);
  if (why.code != ErrorCode::kUnsupported) {
    observer.warning("profiled without QEMU's own count of dirtied pages: " + why.message);
  }
  return {};
}

Result<Rehearsed> Engine::rehearse_where_due(GuestProfile& profile, OpenVm& vm,
                                             const std::string& name, Rehearse when,
                                             const Intent& intent, Observer& observer) {
  advise::RehearsalAdvice advice = advise::advise_rehearsal(profile, when, intent);
  Rehearsed rehearsed{std::move(advice.why), {}, {}};
  if (!advice.due) return rehearsed;
  observer.rehearsing(name, when == Rehearse::kAlways ? std::string() : rehearsed.why);
  auto rehearsal = rehearse(vm, name, observer);
  if (rehearsal) {
    control::put_into(profile, *rehearsal);
    rehearsed.rehearsal = std::move(*rehearsal);
  } else if (rehearsal.error().code == ErrorCode::kInterrupted) {
    return fail(rehearsal.error());
  } else {
    rehearsed.failed = rehearsal.error();
  }
  return rehearsed;
}

Result<control::Rehearsal> Engine::rehearse(OpenVm& vm, const std::string& name,
                                            Observer& observer) {
  GODWIT_CHECK_OK(begin_driving(vm));
  GODWIT_TRY(const auto path, places_.journal());
  store::FileJournal journal(path);
  control::RehearsalOptions options;
  options.on_progress = [&observer](Ratio done) { observer.on_rehearsing(done); };
  const auto sink = pair::make_sink_session(clock_, *vm.hypervisor, end_of(name, vm), &journal);
  return control::rehearse(clock_, *sink, options, stop_);
}

// --- a migration ---

Result<void> Engine::check_places(const Request& request) const {
  GODWIT_TRY(const auto path, places_.journal());
  GODWIT_CHECK_OK(store::FileJournal(path).check());
  if (request.keep) GODWIT_CHECK_OK(open_store(places_, request.store));
  return {};
}

Result<OpenPair> Engine::open_pair(const QmpVm& source, const QmpDestination& destination,
                                   const PingTarget& ping) {
  // Before connecting: a monitor serves one client, so the second connection would only hang.
  if (same_file(source.socket, destination.socket)) {
    return fail(ErrorCode::kBadInput, "the destination is the source",
                "name the QMP socket of another QEMU, started with -incoming defer");
  }
  const auto open_side = [this](const char* side, const std::string& socket) -> Result<OpenVm> {
    auto opened = open_monitor(socket, Access::kDrive);
    if (!opened) return fail(opened.error().while_doing(side));
    return opened;
  };
  OpenPair pair;
  pair.source_name = to_string(VmAddress(source));
  pair.destination_name = to_string(DestinationAddress(destination));
  pair.listen = destination.listen;
  pair.stream = destination.stream;
  GODWIT_TRY(pair.source, open_side("source", source.socket));
  GODWIT_TRY(pair.destination, open_side("destination", destination.socket));
  pair.probe = ping_of(ping);
  return pair;
}

Result<OpenPair> Engine::open_pair(const LibvirtVm& source, const LibvirtHost& destination,
                                   const PingTarget& ping) {
  OpenPair pair;
  pair.source_name = to_string(VmAddress(source));
  pair.destination_name = to_string(DestinationAddress(destination));
  const auto host = host_of_uri(destination.uri);
  if (host) pair.stream = uri_of(*host, kFirstLibvirtPort);
  GODWIT_TRY(pair.source, open(source, Access::kDrive));
  GODWIT_TRY(pair.manager, opener_->manager_of(pair.source.hypervisor, destination));
  pair.probe = ping_of(ping);
  return pair;
}

Result<OutcomeRecord> Engine::execute(OpenPair& pair, const PlannedMigration& planned,
                                      Observer& observer) {
  const MigrationPlan& plan = planned.plan;
  const bool postcopy =
      pair.can_postcopy && (uses_postcopy(plan.technique) || plan.may_end_by_postcopy);
  GODWIT_TRY(BothSides sides,
             look_at_both(pair, plan, {postcopy, contents_.get(), stop_}, observer));
  GODWIT_TRY(const LawQuota law_quota,
             quota_for_law(planned.requested.law, *opener_, pair.source.description));
  const auto& known = planned.warnings;
  for (const std::string& one : sides.warnings) {
    if (std::find(known.begin(), known.end(), one) == known.end()) observer.warning(one);
  }
  GODWIT_TRY(const auto path, places_.journal());
  store::FileJournal journal(path);
  control::RunOptions options;
  options.requested = planned.requested;
  // Who carries the stream can't leave: that would cut it, behind a guest that is on its way.
  // And a manager may cancel what nobody asks for any more.
  if (!planned.relay && pair.manager == nullptr) options.leave = leave_;
  options.known = known_of(planned);
  options.mend_for = planned.mend_for;
  options.await_turn = planned.await_turn;
  options.observe_only = planned.requested.observe_only;
  options.on_progress = [&observer](const control::Progress& p) { observer.on_migrating(p); };
  options.on_event = [&observer](const control::RunEvent& event) { observer.on_event(event); };
  options.on_warning = [&observer](const std::string& text) { observer.warning(text); };
  observer.migrating(plan, pair.destination_name);
  OutcomeRecord record = planned.before;
  std::unique_ptr<StreamCarrier> carrier;
  if (planned.relay) {
    GODWIT_TRY(carrier, opener_->relay_to(pair.stream, pair.source.description));
  }
  std::unique_ptr<DiskCopier> copier;
  if (leaves_disks_behind(plan.parameters)) {
    GODWIT_TRY(copier, opener_->disk_copier_of(pair.source.description));
  }
  const auto session =
      session_of(clock_, pair, journal, {law_quota.quota.get(), carrier.get(), copier.get()});
  GODWIT_TRY(const auto law, law_for(planned));
  const control::Onlookers onlookers{pair.probe.get(), pair.check.get(), pair.wire.get()};
  GODWIT_TRY(record.outcome,
             control::run_migration(clock_, *session, plan, *law, onlookers, options, stop_));
  observer.ended(record);
  if (planned.keep) keep(record, places_, planned.store, observer);
  return record;
}

}  // namespace godwit::engine
