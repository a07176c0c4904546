#include "godwit/libvirt/domain.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "godwit/base/process.h"
#include "godwit/base/vcpu_threads.h"
#include "godwit/libvirt/connection.h"
#include "godwit/libvirt/domain_xml.h"
#include "godwit/libvirt/event_queue.h"
#include "godwit/libvirt/job.h"
#include "godwit/libvirt/speed.h"
#include "qemu_pid.h"

namespace godwit::libvirt {

struct Handle {
  DomainHandle domain;
};

namespace {

/// The daemon that an ordinary user has of his own, as virsh names it.
constexpr const char* kUsersSession = "qemu:///session";

/// The daemon has no such domain, or can't be asked.
bool may_be_elsewhere(ErrorCode why) {
  return why == ErrorCode::kNotFound || why == ErrorCode::kPeerGone ||
         why == ErrorCode::kPermission;
}

Result<std::string> uuid_as_typed(const Connection& host, const std::string& domain) {
  GODWIT_TRY(const DomainHandle found, host.find_as_typed(domain));
  return uuid_of(host, found.get());
}

/// Between a domain's end and the daemon's word of it.
constexpr Seconds kEventPatience{2};

tl::unexpected<Error> not_ours(std::string_view what) {
  return fail(
      ErrorCode::kUnsupported,
      fmt::format("{} is libvirt's to do, and Godwit does not do it behind its back", what));
}

HypervisorEvent told_as(const DomainEvent& event) {
  using Kind = HypervisorEvent::Kind;
  HypervisorEvent told;
  told.wall_us = event.wall_us;
  switch (event.kind) {
    case DomainEvent::Kind::kPass:
      told.kind = Kind::kPass;
      told.pass = event.pass;
      break;
    case DomainEvent::Kind::kSuspended:
      told.kind = Kind::kStop;
      break;
    case DomainEvent::Kind::kResumed:
      told.kind = Kind::kResume;
      break;
    case DomainEvent::Kind::kShuttingDown:
      told.kind = Kind::kShutdown;
      told.by_guest = event.detail == VIR_DOMAIN_EVENT_SHUTDOWN_GUEST;
      break;
    case DomainEvent::Kind::kJobEnded:
      told.kind = Kind::kMigration;
      told.phase = MigrationPhase::kCompleted;
      break;
    default:
      break;
  }
  return told;
}

}  // namespace

CapabilitySet abilities_of(int major, int minor) {
  const auto since = [&](int a, int b) { return std::pair(major, minor) >= std::pair(a, b); };
  CapabilitySet can{Capability::kEvents, Capability::kReturnPath, Capability::kAutoConverge,
                    Capability::kXbzrle};
  if (since(2, 6)) can.insert(Capability::kPostcopyRam);
  if (since(2, 11)) can.insert(Capability::kPauseBeforeSwitchover);
  if (since(4, 0)) can.insert(Capability::kMultifd);
  if (since(7, 1)) can.insert(Capability::kPostcopyPreempt);
  if (since(8, 1)) can.insert(Capability::kSwitchoverAck);
  if (!since(9, 1)) can.insert(Capability::kCompress);
  return can;
}

LibvirtDomain::LibvirtDomain(Clock& clock, std::shared_ptr<Connection> connection, std::string uri,
                             std::stop_token stop)
    : clock_(clock),
      connection_(std::move(connection)),
      uri_(std::move(uri)),
      stop_(std::move(stop)) {}
LibvirtDomain::~LibvirtDomain() = default;

Result<std::shared_ptr<LibvirtDomain>> LibvirtDomain::connect(const LibvirtVm& address,
                                                              Clock& clock,
                                                              const std::stop_token& stop) {
  auto opened = connect_at(address, clock, stop);
  const bool anywhere = address.uri.empty() && ::geteuid() != 0;
  if (opened || !anywhere || !may_be_elsewhere(opened.error().code)) return opened;
  auto own = connect_at({kUsersSession, address.domain}, clock, stop);
  if (own || !may_be_elsewhere(own.error().code)) return own;
  Error error = std::move(opened).error();
  error.message += own.error().code == ErrorCode::kNotFound
                       ? fmt::format(", nor is it at {}", kUsersSession)
                       : fmt::format("; {}", own.error().message);
  return fail(std::move(error));
}

Result<std::shared_ptr<LibvirtDomain>> LibvirtDomain::connect_at(const LibvirtVm& address,
                                                                 Clock& clock,
                                                                 const std::stop_token& stop) {
  GODWIT_TRY(auto connection, Connection::open(address.uri, {.stop = stop}));
  GODWIT_TRY(const std::string uuid, uuid_as_typed(*connection, address.domain));
  std::shared_ptr<LibvirtDomain> opened(
      new LibvirtDomain(clock, std::move(connection), address.uri, stop));
  GODWIT_CHECK_OK(opened->look_up(uuid));
  GODWIT_TRY(const DomainState now, opened->connection_->state_of(opened->handle_->domain.get()));
  if (!now.active()) {
    return fail(ErrorCode::kRefused,
                fmt::format("domain {} does not run at {}: it is {}", address.domain,
                            opened->connection_->uri(), state_name(now.state, now.reason)),
                "start it, or name the host that it runs on");
  }
  return opened;
}

Result<void> LibvirtDomain::look_up(const std::string& domain) {
  GODWIT_TRY(DomainHandle found, connection_->find(domain));
  GODWIT_TRY(const std::string xml, connection_->xml_of(found.get(), 0));
  GODWIT_TRY(DomainFacts facts, parse_domain(xml));
  handle_ = std::make_unique<Handle>(Handle{std::move(found)});
  uuid_ = facts.uuid;
  facts_ = std::make_unique<DomainFacts>(std::move(facts));
  return {};
}

Result<void> LibvirtDomain::reconnect() {
  if (!connection_->alive()) {
    GODWIT_TRY(auto connection, Connection::open(uri_, {.stop = stop_}));
    handle_.reset();  // before the connection that it belongs to
    connection_ = std::move(connection);
    if (queue_ != nullptr) GODWIT_CHECK_OK(connection_->listen(uuid_, Side::kSource, queue_));
  }
  return handle_ == nullptr ? look_up(uuid_) : Result<void>();
}

// --- looking ---

Result<VmDescription> LibvirtDomain::describe() {
  GODWIT_CHECK_OK(reconnect());
  GODWIT_CHECK_OK(look_up(uuid_));
  GODWIT_TRY(const DomainState now, connection_->state_of(handle_->domain.get()));
  const Connection::Version version = connection_->hypervisor_version();
  VmDescription vm;
  vm.name = facts_->name;
  vm.version = version.text();
  vm.version_major = version.major;
  vm.version_minor = version.minor;
  vm.accelerator = facts_->type == "qemu" ? "tcg" : facts_->type;
  vm.machine = facts_->machine;
  vm.cpu_model = facts_->cpu_model;
  vm.vcpus = facts_->vcpus;
  vm.ram = facts_->memory;
  for (const DomainDisk& one : facts_->disks) vm.disks.push_back(one.disk);
  vm.can = abilities_of(version.major, version.minor);
  vm.state = run_state_of(now.state, now.reason, false);
  vm.state_name = state_name(now.state, now.reason);
  vm.pid = find_qemu(uuid_);
  if (vm.pid != 0) {
    vm.process_started = process_start(vm.pid);
    vm.vcpu_threads = vcpu_threads_of(vm.pid);
  }
  vm.identity = identity_of(*connection_, uuid_);
  vm.answered_by = fmt::format("libvirtd at {}", connection_->uri());
  return vm;
}

Result<RamLayout> LibvirtDomain::ram_layout() {
  RamLayout layout;
  layout.pid = find_qemu(uuid_);
  if (layout.pid == 0) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("the QEMU of domain {} can't be seen from here", facts_->name),
                "run godwit on the domain's host, outside of containers");
  }
  for (std::size_t i = 0; i < facts_->memory_blocks.size(); ++i) {
    layout.blocks.push_back({fmt::format("memory {}", i), facts_->memory_blocks[i], 0});
  }
  return layout;
}

Result<RunState> LibvirtDomain::run_state() {
  GODWIT_CHECK_OK(reconnect());
  GODWIT_TRY(const DomainState now, connection_->state_of(handle_->domain.get()));
  bool incoming = false;
  if (now.state == VIR_DOMAIN_PAUSED) {
    const auto job = job_of(*connection_, handle_->domain.get());
    incoming = job && job->operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN;
  }
  return run_state_of(now.state, now.reason, incoming);
}

/// The daemon says it in events, once; a transient domain is then forgotten.
bool LibvirtDomain::moved_away() {
  while (queue_ != nullptr && !moved_away_) {
    const auto event = pull(clock_.now());
    if (!event) break;
    told_.push_back(told_as(*event));
  }
  if (moved_away_ || ended_) return true;
  const auto now = handle_ == nullptr ? Result<DomainState>(fail(ErrorCode::kNotFound, ""))
                                      : connection_->state_of(handle_->domain.get());
  return now && now->state == VIR_DOMAIN_SHUTOFF && now->reason == VIR_DOMAIN_SHUTOFF_MIGRATED;
}

bool LibvirtDomain::known_ended() {
  if (!connection_->alive() || handle_ == nullptr) return false;
  const auto now = connection_->state_of(handle_->domain.get());
  const bool shut_off = now ? !now->active() : now.error().code == ErrorCode::kNotFound;
  // How it ended is asked after that it did; of a transient domain only an event tells, which may
  // come a little later.
  const TimePoint give_up = clock_.now() + kEventPatience;
  while (shut_off && !moved_away() && queue_ != nullptr && !stopped_ && clock_.now() < give_up) {
    if (const auto event = pull(give_up)) told_.push_back(told_as(*event));
  }
  return shut_off && !moved_away();
}

Result<MigrationStatus> LibvirtDomain::migration_status() {
  if (moved_away()) return status_after_job();
  GODWIT_CHECK_OK(reconnect());
  GODWIT_TRY(const Job job, job_of(*connection_, handle_->domain.get()));
  if (!job.leaves()) return status_after_job();
  migrating_ = true;
  MigrationStatus status = job.status;
  GODWIT_TRY(const DomainState now, connection_->state_of(handle_->domain.get()));
  const bool postcopy = now.state == VIR_DOMAIN_PAUSED && now.reason == VIR_DOMAIN_PAUSED_POSTCOPY;
  const bool broken =
      now.state == VIR_DOMAIN_PAUSED && now.reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED;
  status.phase = broken               ? MigrationPhase::kPostcopyPaused
                 : postcopy           ? MigrationPhase::kPostcopyActive
                 : status.transferred ? MigrationPhase::kActive
                                      : MigrationPhase::kSetup;
  return status;
}

/// They come a little before or after the word that the domain is gone.
void LibvirtDomain::await_statistics() {
  const TimePoint give_up = clock_.now() + kEventPatience;
  while (queue_ != nullptr && !ended_ && clock_.now() < give_up) {
    if (const auto event = pull(give_up)) told_.push_back(told_as(*event));
  }
}

/// There is no migration (any more). libvirt says how it went to who started it, and to others only
/// that the domain has moved away.
Result<MigrationStatus> LibvirtDomain::status_after_job() {
  if (migrating_ && moved_away()) await_statistics();
  MigrationStatus status = ended_.value_or(MigrationStatus());
  if (moved_away()) {
    status.phase = MigrationPhase::kCompleted;
  } else if (migrating_) {
    status.phase = MigrationPhase::kFailed;
    status.error = "it was cancelled or failed: libvirt tells only who started it";
  } else if (const auto now = connection_->state_of(handle_->domain.get());
             now && now->state == VIR_DOMAIN_RUNNING &&
             now->reason == VIR_DOMAIN_RUNNING_MIGRATED) {
    status.phase = MigrationPhase::kCompleted;  // it came here by one
  }
  return status;
}

Result<DiskTraffic> LibvirtDomain::disk_traffic() {
  GODWIT_CHECK_OK(reconnect());
  DiskTraffic all{};
  const auto bytes = [](long long count) { return Bytes(std::max(count, 0LL)); };
  for (const DomainDisk& one : facts_->disks) {
    virDomainBlockStatsStruct stats{};
    if (connection_->api().virDomainBlockStats(handle_->domain.get(), one.disk.device.c_str(),
                                               &stats, sizeof stats) != 0) {
      return fail(connection_->error("asking what the disks did"));
    }
    all.read = capped_sum(all.read, bytes(stats.rd_bytes));
    all.written = capped_sum(all.written, bytes(stats.wr_bytes));
  }
  return all;
}

// --- settings ---

Result<CapabilitySet> LibvirtDomain::capabilities() {
  return CapabilitySet{Capability::kEvents, Capability::kReturnPath,
                       Capability::kPauseBeforeSwitchover};
}

Result<void> LibvirtDomain::set_capabilities(const CapabilitySet& on, const CapabilitySet& off) {
  if (on.empty() && off.empty()) return {};
  return not_ours("choosing the capabilities of a migration");
}

Result<MigrationParameters> LibvirtDomain::parameters() {
  GODWIT_CHECK_OK(reconnect());
  const Api& api = connection_->api();
  MigrationParameters now;
  unsigned long long downtime_ms = 0;
  if (api.virDomainMigrateGetMaxDowntime(handle_->domain.get(), &downtime_ms, 0) != 0) {
    return fail(connection_->error("asking for the domain's downtime limit"));
  }
  now.downtime_limit = Milliseconds(static_cast<double>(downtime_ms));
  unsigned long mib_per_s = 0;
  if (api.virDomainMigrateGetMaxSpeed(handle_->domain.get(), &mib_per_s, 0) == 0) {
    now.max_bandwidth = rate_of(mib_per_s);
  }
  return now;
}

Result<void> LibvirtDomain::set_parameters(const MigrationParameters& parameters) {
  GODWIT_CHECK_OK(reconnect());
  const Api& api = connection_->api();
  virDomainPtr const domain = handle_->domain.get();
  if (parameters.downtime_limit) {
    const auto ms = static_cast<unsigned long long>(
        std::llround(Milliseconds(*parameters.downtime_limit).count()));
    if (api.virDomainMigrateSetMaxDowntime(domain, ms, 0) != 0) {
      return fail(connection_->error("setting the domain's downtime limit"));
    }
  }
  if (parameters.max_bandwidth &&
      api.virDomainMigrateSetMaxSpeed(domain, whole_mib(*parameters.max_bandwidth), 0) != 0) {
    return fail(connection_->error("setting the migration's bandwidth"));
  }
  return {};
}

// --- orders ---

Result<void> LibvirtDomain::listen(const std::string&) {
  return not_ours("having a domain listen");
}
Result<void> LibvirtDomain::migrate(const std::string&) {
  return not_ours("a migration by QMP");
}
Result<void> LibvirtDomain::pause() {
  return not_ours("pausing a destination");
}
Result<void> LibvirtDomain::resume() {
  return not_ours("letting a domain run on");
}
Result<void> LibvirtDomain::quit() {
  return not_ours("ending a domain");
}

Result<void> LibvirtDomain::start_postcopy() {
  GODWIT_CHECK_OK(reconnect());
  if (connection_->api().virDomainMigrateStartPostCopy(handle_->domain.get(), 0) == 0) return {};
  return fail(connection_->error("switching to post-copy"));
}

Result<void> LibvirtDomain::cancel() {
  GODWIT_CHECK_OK(reconnect());
  if (connection_->api().virDomainAbortJob(handle_->domain.get()) == 0) return {};
  return fail(connection_->error("cancelling the migration"));
}

// --- events ---

Result<void> LibvirtDomain::listen_to_events() {
  if (queue_ != nullptr) return {};
  auto queue = std::make_shared<EventQueue>();
  GODWIT_CHECK_OK(connection_->listen(uuid_, Side::kSource, queue));
  queue_ = std::move(queue);
  return {};
}

std::optional<DomainEvent> LibvirtDomain::pull(TimePoint deadline) {
  auto event = queue_->next(clock_, deadline);
  if (!event) return std::nullopt;
  if (event->kind == DomainEvent::Kind::kStopped) {
    stopped_ = true;
    moved_away_ = event->detail == VIR_DOMAIN_EVENT_STOPPED_MIGRATED;
  }
  if (event->kind == DomainEvent::Kind::kJobEnded) {
    ended_ = event->ended;
    ended_->downtime.reset();  // libvirt's own count, and none of the kinds that are told
  }
  return event;
}

Result<std::optional<HypervisorEvent>> LibvirtDomain::next_event(TimePoint deadline) {
  GODWIT_CHECK_OK(listen_to_events());
  if (!told_.empty()) {
    HypervisorEvent event = told_.front();
    told_.pop_front();
    return std::optional(std::move(event));
  }
  const auto event = pull(deadline);
  if (event) return std::optional(told_as(*event));
  if (!connection_->alive()) {
    return fail(ErrorCode::kPeerGone,
                fmt::format("the connection to {} is lost", connection_->uri()));
  }
  return std::optional<HypervisorEvent>();
}

}  // namespace godwit::libvirt
