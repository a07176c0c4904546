#include "fake_pair.h"

#include <algorithm>

namespace godwit::control {
namespace {
constexpr std::int64_t kRam = 256LL << 20;
constexpr std::int64_t kDisk = 100LL << 20;
tl::unexpected<Error> gone() {
  return fail(ErrorCode::kPeerGone, "the process ended");
}
}  // namespace

HypervisorEvent FakePair::event(HypervisorEvent::Kind kind, std::string name) {
  HypervisorEvent e;
  e.kind = kind;
  e.name = std::move(name);
  return e;
}

void FakePair::at(Fake& side, double seconds, HypervisorEvent event, std::function<void()> effect) {
  const Seconds when(seconds);
  auto place = std::find_if(side.agenda_.begin(), side.agenda_.end(),
                            [&](const Scheduled& s) { return s.when > when; });
  side.agenda_.insert(place, Scheduled{when, std::move(event), std::move(effect)});
}

void FakePair::switch_over(double when, MigrationPhase then) {
  using Kind = HypervisorEvent::Kind;
  at(source, when, event(Kind::kStop, "STOP"), [this] { source.state = RunState::kFinishMigrate; });
  if (!source.on.contains(Capability::kPauseBeforeSwitchover)) return go_over(when, then);
  after_switchover_ = then;
  at(source, when + 0.001, event(Kind::kMigration, "MIGRATION"),
     [this] { source.status.phase = MigrationPhase::kPreSwitchover; });
}

void FakePair::go_over(double when, MigrationPhase then) {
  using Kind = HypervisorEvent::Kind;
  if (world_.destination_fails) {
    at(source, when + 0.105, event(Kind::kOther, "NOTHING"), [this] {
      destination.alive = false;
      destination.agenda_.clear();
    });
  }
  const auto arrival = world_.destination_waits ? Kind::kOther : Kind::kResume;
  at(destination, when + (world_.destination_fails ? 60 : 0.1), event(arrival, "RESUME"),
     [this] { take_guest(); });
  at(source, when + 0.11, event(Kind::kMigration, "MIGRATION"), [this, then] {
    source.status.phase = then;
    if (then == MigrationPhase::kCompleted) {
      source.state = RunState::kPostmigrate;
      source.status.downtime = Seconds(0.1);
      source.status.total_time = world_.clock.now() - start_;
      source.status.transferred = Bytes(kRam + 5'000'000);
      source.status.remaining = Bytes(0);
    }
  });
  if (then != MigrationPhase::kPostcopyActive) return;
  at(source, when + 3.99, event(Kind::kMigration, "MIGRATION"), [this] {
    source.status.phase = MigrationPhase::kCompleted;
    source.state = RunState::kPostmigrate;
    source.status.downtime = Seconds(0.002);
    source.status.total_time = world_.clock.now() - start_;
    source.status.transferred = Bytes(kRam + 5'000'000);
  });
}

void FakePair::take_guest() {
  if (world_.destination_waits) {
    destination.state = RunState::kPaused;
  } else if (source.state == RunState::kFinishMigrate || source.state == RunState::kPostmigrate) {
    destination.state = RunState::kRunning;
    torn_ = torn_ || (with_storage_ && (!whole_ || serving_));
  }
}

void FakePair::plan_precopy() {
  using Kind = HypervisorEvent::Kind;
  at(source, 0.0, event(Kind::kMigration, "MIGRATION"),
     [this] { source.status.phase = MigrationPhase::kActive; });
  const int rounds = world_.converges ? 3 : 400;
  for (int i = 0; i <= rounds; ++i) {
    HypervisorEvent pass = event(Kind::kPass, "MIGRATION_PASS");
    pass.pass = i + 1;
    at(source, 0.01 + i * 1.0, pass, [this, i] {
      if (world_.link_stalls && i > 1) return;
      source.status.transferred = Bytes(kRam * i / 3);
      source.status.remaining = Bytes(world_.converges ? kRam / (i + 1) : kRam);
      source.status.total = Bytes(kRam);
      source.status.dirty_sync_count = i + 1;
    });
  }
  if (world_.converges) switch_over(3.1, MigrationPhase::kCompleted);
}

void FakePair::plan_postcopy() {
  if (!destination.alive) return;  // the broken stream is noticed before anything is switched over
  const double now = (world_.clock.now() - start_).count();
  source.agenda_.clear();
  destination.agenda_.clear();
  postcopy_ = true;
  switch_over(now + 0.01, MigrationPhase::kPostcopyActive);
}

void FakePair::kill(Victim victim) {
  Fake& dying = victim == Victim::kSource ? source : destination;
  if (!dying.alive) return;
  dying.alive = false;
  dying.agenda_.clear();
  if (victim != Victim::kDestination || is_final(source.status.phase) ||
      source.status.phase == MigrationPhase::kNone) {
    return;
  }
  if (source.status.phase == MigrationPhase::kPreSwitchover) return;  // it sends nothing there
  break_stream();
}

/// What QEMU's source does then.
void FakePair::break_stream() {
  source.agenda_.clear();
  const double now = (world_.clock.now() - start_).count();
  at(source, now + 0.05, event(HypervisorEvent::Kind::kMigration, "MIGRATION"), [this] {
    if (postcopy_ && source.state != RunState::kRunning) {
      source.status.phase = MigrationPhase::kPostcopyPaused;
      return;
    }
    source.status.phase = MigrationPhase::kFailed;
    source.status.error = "Unable to write to socket: Broken pipe";
    source.state = RunState::kRunning;
  });
}

Result<void> FakePair::Fake::enter(const std::string& what) {
  if (world_.calls++ == world_.kill_at_call) pair_.kill(world_.victim);
  if (!alive) return gone();
  log.push_back(what);
  return {};
}

Result<VmDescription> FakePair::Fake::describe() {
  GODWIT_CHECK_OK(enter("describe"));
  VmDescription vm;
  vm.ram = Bytes(kRam);
  return vm;
}

Result<RunState> FakePair::Fake::run_state() {
  GODWIT_CHECK_OK(enter("query-status"));
  return state;
}

Result<MigrationStatus> FakePair::Fake::migration_status() {
  GODWIT_CHECK_OK(enter("query-migrate"));
  return status;
}

Result<CapabilitySet> FakePair::Fake::capabilities() {
  GODWIT_CHECK_OK(enter("query-migrate-capabilities"));
  return on;
}

Result<void> FakePair::Fake::set_capabilities(const CapabilitySet& add, const CapabilitySet& drop) {
  GODWIT_CHECK_OK(enter("migrate-set-capabilities"));
  on.insert(add.begin(), add.end());
  for (const Capability one : drop) on.erase(one);
  return {};
}

Result<MigrationParameters> FakePair::Fake::parameters() {
  GODWIT_CHECK_OK(enter("query-migrate-parameters"));
  return set;
}

Result<void> FakePair::Fake::set_parameters(const MigrationParameters& p) {
  GODWIT_CHECK_OK(enter("migrate-set-parameters"));
  if (p.max_bandwidth) set.max_bandwidth = p.max_bandwidth;
  if (p.downtime_limit) set.downtime_limit = p.downtime_limit;
  if (p.max_postcopy_bandwidth) set.max_postcopy_bandwidth = p.max_postcopy_bandwidth;
  return {};
}

Result<void> FakePair::Fake::listen(const std::string& uri) {
  GODWIT_CHECK_OK(enter("migrate-incoming " + uri));
  if (world_.refuse_listen) return fail(ErrorCode::kRefused, *world_.refuse_listen);
  listening = true;
  return {};
}

Result<void> FakePair::Fake::migrate(const std::string& uri) {
  GODWIT_CHECK_OK(enter("migrate " + uri));
  if (world_.refuse_migrate) return fail(ErrorCode::kRefused, *world_.refuse_migrate);
  pair_.start_ = world_.clock.now();
  status = MigrationStatus{};
  status.phase = MigrationPhase::kSetup;
  if (pair_.destination.alive) {
    pair_.plan_precopy();
  } else {
    pair_.at(*this, 0.05, pair_.event(HypervisorEvent::Kind::kMigration, "MIGRATION"), [this] {
      status.phase = MigrationPhase::kFailed;
      status.error = "Failed to connect: Connection refused";
    });
  }
  return {};
}

Result<void> FakePair::Fake::start_postcopy() {
  GODWIT_CHECK_OK(enter("migrate-start-postcopy"));
  pair_.plan_postcopy();
  return {};
}

Result<void> FakePair::Fake::cancel() {
  GODWIT_CHECK_OK(enter("migrate_cancel"));
  agenda_.clear();
  pair_.destination.agenda_.clear();
  const double now = (world_.clock.now() - pair_.start_).count();
  status.phase = MigrationPhase::kCancelling;
  pair_.at(*this, now + 0.02, pair_.event(HypervisorEvent::Kind::kMigration, "MIGRATION"), [this] {
    status.phase = MigrationPhase::kCancelled;
    const bool stays = world_.cancelled_stays_stopped && state == RunState::kFinishMigrate;
    state = stays ? RunState::kPostmigrate : RunState::kRunning;
  });
  return {};
}

// --- disks: one, whose mirror goes by the clock ---

/// What has happened to the mirror by now.
void FakePair::move_mirror() {
  constexpr double kLastPart = 0.05;
  const TimePoint now = world_.clock.now();
  const bool copying = mirror_ == Mirror::kRunning || mirror_ == Mirror::kFinishing;
  if (!copying) return;
  if (!destination.alive) mirror_error_ = "Input/output error";
  if (world_.mirror_error && now - mirror_start_ >= Seconds(1))
    mirror_error_ = *world_.mirror_error;
  const bool last_part_over = mirror_ == Mirror::kFinishing && !world_.mirror_hangs &&
                              now - finish_start_ >= Seconds(kLastPart);
  if (last_part_over && world_.mirror_ends_badly) mirror_error_ = "No space left on device";
  if (!mirror_error_.empty()) {
    mirror_ = Mirror::kEnded;
  } else if (last_part_over) {
    mirror_ = Mirror::kEnded;
    whole_ = true;
  }
}

Result<StorageOffer> FakePair::Fake::serve_storage(const std::string& stream,
                                                   const std::vector<std::string>&) {
  GODWIT_CHECK_OK(enter("serve-storage " + stream));
  if (world_.refuse_serve) return fail(ErrorCode::kRefused, *world_.refuse_serve);
  pair_.serving_ = true;
  return StorageOffer{"10.0.0.2", 4445, {{"virtio0", "disk"}}};
}

Result<void> FakePair::Fake::mirror_storage(const StorageOffer&, std::optional<BytesPerSecond>) {
  GODWIT_CHECK_OK(enter("mirror-storage"));
  if (world_.refuse_mirror) return fail(ErrorCode::kRefused, *world_.refuse_mirror);
  pair_.with_storage_ = true;
  pair_.mirror_ = Mirror::kRunning;
  pair_.mirror_start_ = world_.clock.now();
  return {};
}

Result<StorageStatus> FakePair::Fake::storage_status() {
  GODWIT_CHECK_OK(enter("storage-status"));
  StorageStatus seen;
  if (this != &pair_.source || pair_.mirror_ == Mirror::kNone) return seen;
  pair_.move_mirror();
  const double share =
      std::min(1.0, (world_.clock.now() - pair_.mirror_start_).count() / world_.mirror_seconds);
  seen.mirrors = 1;
  seen.running = pair_.mirror_ == Mirror::kEnded ? 0 : 1;
  seen.ready = seen.running == 1 && share >= 1;
  seen.error = pair_.mirror_error_;
  seen.total = Bytes(kDisk);
  seen.done = Bytes(static_cast<std::int64_t>(share * static_cast<double>(kDisk)));
  return seen;
}

Result<void> FakePair::Fake::finish_storage() {
  GODWIT_CHECK_OK(enter("finish-storage"));
  if (world_.refuse_finish) return fail(ErrorCode::kRefused, *world_.refuse_finish);
  pair_.mirror_ = Mirror::kFinishing;
  pair_.finish_start_ = world_.clock.now();
  return {};
}

Result<void> FakePair::Fake::drop_storage() {
  GODWIT_CHECK_OK(enter("drop-storage"));
  if (this == &pair_.destination) {
    pair_.serving_ = false;
  } else if (pair_.mirror_ == Mirror::kEnded) {
    pair_.mirror_ = Mirror::kNone;
  } else if (pair_.mirror_ != Mirror::kNone) {
    pair_.mirror_ = Mirror::kEnded;  // forgotten by the next call
  }
  return {};
}

Result<void> FakePair::Fake::continue_switchover() {
  GODWIT_CHECK_OK(enter("migrate-continue"));
  if (world_.refuse_continue) return fail(ErrorCode::kRefused, *world_.refuse_continue);
  status.phase = MigrationPhase::kDevice;
  pair_.go_over((world_.clock.now() - pair_.start_).count(), pair_.after_switchover_);
  if (!pair_.destination.alive) pair_.break_stream();
  return {};
}

Result<void> FakePair::Fake::pause() {
  GODWIT_CHECK_OK(enter("stop"));
  state = RunState::kPaused;
  return {};
}

Result<void> FakePair::Fake::resume() {
  GODWIT_CHECK_OK(enter("cont"));
  state = RunState::kRunning;
  return {};
}

Result<void> FakePair::Fake::quit() {
  GODWIT_CHECK_OK(enter("quit"));
  alive = false;
  return {};
}

Result<std::optional<HypervisorEvent>> FakePair::Fake::next_event(TimePoint deadline) {
  GODWIT_CHECK_OK(enter("event"));
  const TimePoint due = agenda_.empty() ? TimePoint::max() : pair_.start_ + agenda_.front().when;
  if (due > deadline) {
    (void)world_.clock.wait_until(deadline, {});
    return std::optional<HypervisorEvent>();
  }
  (void)world_.clock.wait_until(due, {});
  Scheduled next = std::move(agenda_.front());
  agenda_.pop_front();
  next.effect();
  next.event.wall_us = world_.clock.wall_us();
  next.event.phase = status.phase;
  return std::optional(std::move(next.event));
}

}  // namespace godwit::control
