#include "fake_pair.h"

#include <algorithm>
#include <stdexcept>

namespace godwit::pair {
namespace {

using Kind = HypervisorEvent::Kind;
using Phase = MigrationPhase;

constexpr std::int64_t kRam = 256LL << 20;
constexpr std::int64_t kDisk = 100LL << 20;
/// What the adapter waits for an answer.
constexpr Seconds kCommandPatience{10};
constexpr Seconds kMuteFor{60};
/// TCP gives up.
constexpr Seconds kTcpPatience{900};

tl::unexpected<Error> gone() {
  return fail(ErrorCode::kPeerGone, "the connection is closed");
}

}  // namespace

MigrationParameters usual_parameters() {
  MigrationParameters usual;
  usual.max_bandwidth = BytesPerSecond(134217728);
  usual.max_postcopy_bandwidth = BytesPerSecond(0);
  usual.avail_switchover_bandwidth = BytesPerSecond(0);
  usual.downtime_limit = Seconds(0.3);
  usual.xbzrle_cache = 64_MiB;
  usual.multifd_channels = 2;
  usual.multifd_compression = "none";
  usual.throttle_initial_percent = 20;
  usual.throttle_increment_percent = 10;
  usual.max_throttle_percent = 99;
  return usual;
}

FakePair::FakePair(World& world) : source(*this, world), destination(*this, world), world_(world) {}

FakePair::Fake::Fake(FakePair& pair, World& world)
    : set(usual_parameters()), pair_(pair), world_(world) {}

HypervisorEvent FakePair::event(Kind kind, std::string name) {
  HypervisorEvent e;
  e.kind = kind;
  e.name = std::move(name);
  return e;
}

// --- time ---

/// `seconds` after the migration's start.
void FakePair::at(Fake& side, double seconds, HypervisorEvent event, std::function<void()> effect) {
  const TimePoint when = start_ + Seconds(seconds);
  auto place = std::find_if(side.agenda_.begin(), side.agenda_.end(),
                            [&](const Scheduled& s) { return s.when > when; });
  side.agenda_.insert(place, Scheduled{when, std::move(event), std::move(effect)});
}

TimePoint FakePair::next_due() const {
  TimePoint due = TimePoint::max();
  for (const Fake* side : {&source, &destination}) {
    if (!side->agenda_.empty()) due = std::min(due, side->agenda_.front().when);
    if (side->mute_until_ > world_.clock.now()) due = std::min(due, side->mute_until_);
  }
  return due;
}

/// What is due by now happens, in its order, whether or not anybody asks.
void FakePair::advance() {
  while (true) {
    for (Fake* side : {&source, &destination}) {
      if (!side->alive || side->mute_until_ > world_.clock.now()) continue;
      const auto commands = std::exchange(side->waiting_, {});
      for (const auto& command : commands) command();
    }
    count_running();
    Fake* next = nullptr;
    for (Fake* side : {&source, &destination}) {
      if (side->agenda_.empty()) continue;
      if (next == nullptr || side->agenda_.front().when < next->agenda_.front().when) next = side;
    }
    if (next == nullptr || next->agenda_.front().when > world_.clock.now()) return;
    Scheduled due = std::move(next->agenda_.front());
    next->agenda_.pop_front();
    due.effect();
    due.event.wall_us =
        std::chrono::duration_cast<std::chrono::microseconds>(due.when.time_since_epoch()).count();
    due.event.phase = next->status.phase;
    if (next->connected && !due.event.name.empty()) next->inbox_.push_back(due.event);
  }
}

void FakePair::count_running() {
  most_running_ = std::max(most_running_, running_guests());
}

void FakePair::go_on_alone(Seconds time) {
  const TimePoint end = world_.clock.now() + time;
  while (world_.clock.now() < end) {
    (void)world_.clock.wait_until(std::min(end, next_due()), {});
    advance();
  }
}

void FakePair::repair_connections() {
  for (Fake* side : {&source, &destination}) {
    side->connected = true;
    side->mute_until_ = TimePoint{};
  }
}

// --- a migration ---

void FakePair::switch_over(double when, Phase then) {
  at(source, when, event(Kind::kOther, ""), [this] {
    stop_is_the_migrations_ = source.state == RunState::kRunning;
    if (stop_is_the_migrations_) {
      HypervisorEvent stop = event(Kind::kStop, "STOP");
      stop.wall_us = world_.clock.wall_us();
      if (source.connected) source.inbox_.push_back(stop);
    }
    source.state = RunState::kFinishMigrate;
  });
  if (!source.on.contains(Capability::kPauseBeforeSwitchover)) return go_over(when, then);
  after_switchover_ = then;
  at(source, when + 0.001, event(Kind::kMigration, "MIGRATION"),
     [this] { source.status.phase = Phase::kPreSwitchover; });
}

void FakePair::go_over(double when, Phase then) {
  const double over = when + world_.last_part;
  at(source, when, event(Kind::kMigration, "MIGRATION"), [this, over] {
    source.status.phase = Phase::kDevice;
    source.mute_until_ = start_ + Seconds(over);
  });
  if (world_.destination_fails) {
    at(source, over + 0.005, event(Kind::kOther, ""), [this] { destination.alive = false; });
  } else {
    at(destination, over, event(Kind::kOther, ""), [this] { take_guest(); });
  }
  at(source, over + 0.01, event(Kind::kMigration, "MIGRATION"), [this, then] {
    source.status.phase = then;
    if (then == Phase::kCompleted) complete();
  });
  if (then != Phase::kPostcopyActive) return;
  at(source, over + 3.89, event(Kind::kMigration, "MIGRATION"), [this] {
    complete();
    source.status.downtime = Seconds(0.002);
    destination.status.phase = Phase::kCompleted;
  });
}

void FakePair::complete() {
  source.status.phase = Phase::kCompleted;
  source.state = RunState::kPostmigrate;
  source.status.downtime = Seconds(world_.last_part);
  source.status.total_time = world_.clock.now() - start_;
  source.status.transferred = Bytes(kRam + 5'000'000);
  source.status.remaining = Bytes(0);
}

void FakePair::take_guest() {
  if (!postcopy_) destination.status.phase = Phase::kCompleted;
  if (world_.destination_waits || !destination.autostart_ || !stop_is_the_migrations_) {
    destination.state = RunState::kPaused;
    return;
  }
  destination.state = RunState::kRunning;
  torn_ = torn_ || (with_storage_ && (!whole_ || serving_)) ||
          (with_share_ && (!attached_ || !sharing_ || serving_));
  HypervisorEvent resumed = event(Kind::kResume, "RESUME");
  resumed.wall_us = world_.clock.wall_us();
  if (destination.connected) destination.inbox_.push_back(resumed);
}

void FakePair::plan_precopy() {
  at(source, 0.0, event(Kind::kMigration, "MIGRATION"),
     [this] { source.status.phase = Phase::kActive; });
  plan_passes();
  plan_guest();
  if (world_.converges) switch_over(3.1, Phase::kCompleted);
}

void FakePair::plan_passes() {
  const int rounds = world_.converges ? 3 : 400;
  for (int i = 0; i <= rounds; ++i) {
    HypervisorEvent pass = event(Kind::kPass, "MIGRATION_PASS");
    pass.pass = i + 1;
    if (i == 0 && world_.first_pass_untold) pass = event(Kind::kOther, "");
    at(source, 0.01 + i * 1.0, pass, [this, i] {
      if (link_dead_ || (world_.link_stalls && i > 1)) return;
      source.status.transferred = Bytes(kRam * i / 3 + 1);
      source.status.normal_pages = PageCount(kRam * i / 4096);
      source.status.remaining = Bytes(world_.converges ? kRam / (i + 1) : kRam);
      source.status.total = Bytes(kRam);
      source.status.dirty_sync_count = i + 1;
    });
  }
}

void FakePair::plan_guest() {
  if (world_.person_pauses_at) {
    at(source, *world_.person_pauses_at, event(Kind::kStop, "STOP"),
       [this] { source.state = RunState::kPaused; });
  }
  if (!world_.guest_shuts_down_at) return;
  HypervisorEvent shutdown = event(Kind::kShutdown, "SHUTDOWN");
  shutdown.by_guest = true;
  at(source, *world_.guest_shuts_down_at, shutdown, [this] { source.state = RunState::kShutdown; });
  if (world_.no_shutdown) return;
  at(source, *world_.guest_shuts_down_at + 0.01, event(Kind::kOther, ""),
     [this] { kill(Victim::kSource); });
}

void FakePair::plan_postcopy() {
  if (!destination.alive || link_dead_ || link_cut_)
    return;  // nothing is switched over by a broken stream
  source.agenda_.clear();
  destination.agenda_.clear();
  postcopy_ = true;
  switch_over(now() + 0.01, Phase::kPostcopyActive);
}

void FakePair::do_cancel() {
  const Phase phase = source.status.phase;
  if (is_final(phase) || phase == Phase::kNone || phase == Phase::kCancelling) return;
  const bool too_late = phase == Phase::kDevice || phase == Phase::kPostcopyActive;
  source.agenda_.clear();
  // What the destination has received, it goes on with.
  if (!too_late) destination.agenda_.clear();
  source.status.phase = Phase::kCancelling;
  at(source, now() + 0.02, event(Kind::kMigration, "MIGRATION"), [this] {
    source.status.phase = Phase::kCancelled;
    if (source.state != RunState::kFinishMigrate) return;
    source.state = world_.cancelled_stays_stopped ? RunState::kPostmigrate : RunState::kRunning;
  });
}

// --- faults ---

void FakePair::play_fault(Fake& called) {
  Fake& victim = world_.victim == Victim::kSource        ? source
                 : world_.victim == Victim::kDestination ? destination
                                                         : called;
  switch (world_.fault) {
    case Fault::kDies:
      kill(&victim == &source ? Victim::kSource : Victim::kDestination);
      break;
    case Fault::kLosesConnectionAWhile:
      victim.reachable_again = world_.clock.now() + world_.awhile;
      [[fallthrough]];
    case Fault::kLosesConnection:
      victim.connected = false;
      victim.inbox_.clear();
      break;
    case Fault::kLinkCutAWhile:
    case Fault::kLinkDeadAWhile:
      link_back_at_ = world_.clock.now() + world_.awhile;
      world_.fault == Fault::kLinkCutAWhile ? cut_link() : let_link_die();
      break;
    case Fault::kLinkCut:
      cut_link();
      break;
    case Fault::kLinkDead:
      let_link_die();
      break;
    case Fault::kMute:
      victim.mute_until_ = std::max(victim.mute_until_, world_.clock.now() + kMuteFor);
      break;
    case Fault::kGodwitDies:
      world_.godwit_is_dead = true;
      throw GodwitDied{};
    case Fault::kUserStops:
      world_.user_stops();
      break;
    case Fault::kRefuses:
    case Fault::kTimesOut:
      break;  // of the call itself
  }
}

void FakePair::kill(Victim victim) {
  Fake& dying = victim == Victim::kSource ? source : destination;
  if (!dying.alive) return;
  dying.alive = false;
  dying.agenda_.clear();
  dying.waiting_.clear();
  const Phase phase = source.status.phase;
  if (victim == Victim::kSource) {
    // A destination that has not got everything never will.
    if (source.state != RunState::kPostmigrate) destination.agenda_.clear();
    return;
  }
  // A source that is told to wait before the switchover notices when it goes on.
  if (phase != Phase::kPreSwitchover) cut_link();
}

/// What QEMU's source does then. Once the destination has taken the guest its acknowledgement is
/// under way, and nothing is broken any more.
void FakePair::cut_link() {
  const Phase phase = source.status.phase;
  const bool took_it = destination.alive && destination.state != RunState::kInmigrate && !postcopy_;
  if (!source.alive || is_final(phase) || phase == Phase::kNone || took_it) return;
  link_cut_ = true;
  source.agenda_.clear();
  if (destination.alive) destination.agenda_.clear();
  source.mute_until_ = TimePoint{};
  at(source, now() + 0.05, event(Kind::kMigration, "MIGRATION"), [this] {
    if (postcopy_ && destination.state != RunState::kInmigrate) {
      source.status.phase = Phase::kPostcopyPaused;
      return;
    }
    source.status.phase = Phase::kFailed;
    source.status.error = "Unable to write to socket: Broken pipe";
    if (source.state == RunState::kFinishMigrate) source.state = RunState::kRunning;
  });
}

bool FakePair::link_carries() const {
  return (!link_dead_ && !link_cut_) || (link_back_at_ && world_.clock.now() >= *link_back_at_);
}

/// Both sides hold what they had; a second later the rest is over, too.
void FakePair::go_on_by_postcopy() {
  if (source.status.phase != Phase::kPostcopyPaused || !awaits_recovery_) return;
  if (!destination.alive || !link_carries()) return;
  link_dead_ = link_cut_ = awaits_recovery_ = false;
  source.agenda_.clear();
  at(source, now() + 0.05, event(Kind::kMigration, "MIGRATION"),
     [this] { source.status.phase = Phase::kPostcopyActive; });
  at(source, now() + 1, event(Kind::kMigration, "MIGRATION"), [this] {
    complete();
    destination.status.phase = Phase::kCompleted;
  });
}

void FakePair::let_link_die() {
  const Phase phase = source.status.phase;
  if (link_dead_ || is_final(phase) || phase == Phase::kNone) return;
  const bool took_it = destination.state != RunState::kInmigrate && !postcopy_;
  if (took_it) return;
  link_dead_ = true;
  source.agenda_.clear();
  destination.agenda_.clear();
  // The last part is stuck in the kernel, and the source is mute for as long.
  if (phase == Phase::kDevice) source.mute_until_ = world_.clock.now() + kTcpPatience;
  at(source, now() + kTcpPatience.count(), event(Kind::kMigration, "MIGRATION"), [this] {
    const bool split = postcopy_ && destination.state != RunState::kInmigrate;
    source.status.phase = split ? Phase::kPostcopyPaused : Phase::kFailed;
    source.status.error = "Connection timed out";
    if (source.state == RunState::kFinishMigrate && !split) source.state = RunState::kRunning;
  });
}

// --- calls ---

/// A run that does not end fails its test, and does not hang it.
void FakePair::Fake::count_call() {
  constexpr int kMost = 500'000;
  if (++world_.calls < kMost) return;
  std::string recent;
  for (std::size_t i = log.size() < 8 ? 0 : log.size() - 8; i < log.size(); ++i) {
    recent += " " + log[i];
  }
  throw std::logic_error("the run does not end; the last calls:" + recent + "; phase " +
                         std::string(to_string(pair_.source.status.phase)) + ", state " +
                         std::string(to_string(pair_.source.state)));
}

Result<void> FakePair::Fake::unreachable() const {
  if (!alive || !connected || world_.godwit_is_dead) return gone();
  return {};
}

Result<void> FakePair::Fake::enter(const std::string& what, const std::function<void()>& act) {
  const bool faulty = world_.calls == world_.fault_at_call;
  count_call();
  pair_.advance();
  if (faulty) pair_.play_fault(*this);
  pair_.advance();
  GODWIT_CHECK_OK(unreachable());
  log.push_back(what);
  if (mute_until_ > world_.clock.now()) {
    (void)world_.clock.wait_until(std::min(mute_until_, world_.clock.now() + kCommandPatience), {});
    pair_.advance();
    GODWIT_CHECK_OK(unreachable());
    if (mute_until_ > world_.clock.now()) {
      waiting_.push_back(act);
      return fail(ErrorCode::kTimeout, "no answer");
    }
  }
  if (faulty && world_.fault == Fault::kRefuses) return fail(ErrorCode::kRefused, "it says no");
  act();
  pair_.count_running();
  if (!faulty || world_.fault != Fault::kTimesOut) return {};
  (void)world_.clock.wait_until(world_.clock.now() + kCommandPatience, {});
  return fail(ErrorCode::kTimeout, "no answer");
}

Result<void> FakePair::Fake::reconnect() {
  pair_.advance();
  if (!alive) return gone();
  if (reachable_again && world_.clock.now() >= *reachable_again) connected = true;
  return unreachable();
}

Result<std::optional<HypervisorEvent>> FakePair::Fake::next_event(TimePoint deadline) {
  const bool faulty = world_.calls == world_.fault_at_call;
  count_call();
  pair_.advance();
  if (faulty) pair_.play_fault(*this);
  while (true) {
    pair_.advance();
    // What a source said before it began to send the last part has arrived.
    const bool speaks = mute_until_ <= world_.clock.now() || status.phase == Phase::kDevice;
    if (connected && speaks && !inbox_.empty()) {
      HypervisorEvent event = std::move(inbox_.front());
      inbox_.pop_front();
      return std::optional(std::move(event));
    }
    if (const auto reached = unreachable(); !reached) return fail(reached.error());
    if (world_.clock.now() >= deadline) return std::optional<HypervisorEvent>();
    (void)world_.clock.wait_until(std::min(deadline, pair_.next_due()), {});
  }
}

Result<VmDescription> FakePair::Fake::describe() {
  GODWIT_CHECK_OK(enter("describe"));
  VmDescription vm;
  vm.ram = Bytes(kRam);
  vm.version = "10.0.2";
  vm.version_major = 10;
  vm.version_minor = version_minor;
  vm.accelerator = "kvm";
  vm.vcpus = 1;
  vm.state = state;
  vm.disks = disks;
  vm.identity = world_.vm + (is_source() ? ", source" : ", destination");
  vm.can = {Capability::kEvents,          Capability::kPauseBeforeSwitchover,
            Capability::kReturnPath,      Capability::kPostcopyRam,
            Capability::kPostcopyPreempt, Capability::kAutoConverge,
            Capability::kXbzrle,          Capability::kMultifd};
  return vm;
}

Result<RunState> FakePair::Fake::run_state() {
  GODWIT_CHECK_OK(enter("query-status"));
  return state;
}

Result<MigrationStatus> FakePair::Fake::migration_status() {
  GODWIT_CHECK_OK(enter("query-migrate"));
  if (is_source() && status.phase == Phase::kPostcopyActive && !pair_.link_dead_) {
    status.transferred = Bytes(static_cast<std::int64_t>(pair_.now() * 1e6));
  }
  return status;
}

Result<CapabilitySet> FakePair::Fake::capabilities() {
  GODWIT_CHECK_OK(enter("query-migrate-capabilities"));
  return on;
}

Result<void> FakePair::Fake::set_capabilities(const CapabilitySet& add, const CapabilitySet& drop) {
  const bool migrating = is_source() && status.phase != Phase::kNone && !is_final(status.phase);
  if (migrating && !(add.empty() && drop.empty())) {
    return fail(ErrorCode::kRefused, "There's a migration process in progress");
  }
  return enter("migrate-set-capabilities", [this, add, drop] {
    on.insert(add.begin(), add.end());
    for (const Capability one : drop) on.erase(one);
  });
}

Result<MigrationParameters> FakePair::Fake::parameters() {
  GODWIT_CHECK_OK(enter("query-migrate-parameters"));
  return set;
}

Result<void> FakePair::Fake::set_parameters(const MigrationParameters& p) {
  return enter("migrate-set-parameters", [this, p] {
    const auto take = [&](auto member) {
      if (p.*member) set.*member = p.*member;
    };
    take(&MigrationParameters::max_bandwidth);
    take(&MigrationParameters::max_postcopy_bandwidth);
    take(&MigrationParameters::avail_switchover_bandwidth);
    take(&MigrationParameters::downtime_limit);
    take(&MigrationParameters::xbzrle_cache);
    take(&MigrationParameters::multifd_channels);
    take(&MigrationParameters::multifd_compression);
    take(&MigrationParameters::throttle_initial_percent);
    take(&MigrationParameters::throttle_increment_percent);
    take(&MigrationParameters::max_throttle_percent);
  });
}

Result<void> FakePair::Fake::listen(const std::string& uri) {
  if (world_.refuse_listen) {
    GODWIT_CHECK_OK(enter("migrate-incoming " + uri));
    return fail(ErrorCode::kRefused, *world_.refuse_listen);
  }
  return enter("migrate-incoming " + uri, [this] { listening = true; });
}

Result<void> FakePair::Fake::migrate(const std::string& uri) {
  if (world_.refuse_migrate) {
    GODWIT_CHECK_OK(enter("migrate " + uri));
    return fail(ErrorCode::kRefused, *world_.refuse_migrate);
  }
  return enter("migrate " + uri, [this] {
    pair_.start_ = world_.clock.now();
    status = MigrationStatus{};
    status.phase = Phase::kSetup;
    if (pair_.destination.alive && pair_.destination.listening) return pair_.plan_precopy();
    pair_.at(*this, 0.05, pair_.event(Kind::kMigration, "MIGRATION"), [this] {
      status.phase = Phase::kFailed;
      status.error = "Failed to connect: Connection refused";
    });
  });
}

Result<void> FakePair::Fake::start_postcopy() {
  return enter("migrate-start-postcopy", [this] { pair_.plan_postcopy(); });
}

Result<void> FakePair::Fake::pause_postcopy() {
  return enter("migrate-pause", [this] {
    if (!is_source()) return;
    agenda_.clear();
    if (world_.pause_comes_too_late) {
      return pair_.at(*this, pair_.now() + 0.01, pair_.event(Kind::kResume, "RESUME"), [this] {
        status.phase = Phase::kFailed;
        state = RunState::kRunning;
      });
    }
    pair_.at(*this, pair_.now() + 0.01, pair_.event(Kind::kMigration, "MIGRATION"),
             [this] { status.phase = Phase::kPostcopyPaused; });
  });
}

Result<void> FakePair::Fake::recover_postcopy(const std::string& uri) {
  return enter("migrate-recover " + uri, [this] { pair_.awaits_recovery_ = true; });
}

Result<void> FakePair::Fake::resume_postcopy(const std::string& uri) {
  return enter("migrate-resume " + uri, [this] { pair_.go_on_by_postcopy(); });
}

Result<void> FakePair::Fake::cancel() {
  return enter("migrate_cancel", [this] { pair_.do_cancel(); });
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
  if (world_.refuse_serve) {
    GODWIT_CHECK_OK(enter("serve-storage " + stream));
    return fail(ErrorCode::kRefused, *world_.refuse_serve);
  }
  GODWIT_CHECK_OK(enter("serve-storage " + stream, [this] { pair_.serving_ = true; }));
  return StorageOffer{"10.0.0.2", 4445, {{"virtio0", "disk"}}};
}

Result<void> FakePair::Fake::mirror_storage(const StorageOffer&, std::optional<BytesPerSecond>) {
  if (world_.refuse_mirror) {
    GODWIT_CHECK_OK(enter("mirror-storage"));
    return fail(ErrorCode::kRefused, *world_.refuse_mirror);
  }
  return enter("mirror-storage", [this] {
    pair_.with_storage_ = true;
    pair_.mirror_ = Mirror::kRunning;
    pair_.mirror_start_ = world_.clock.now();
  });
}

Result<StorageStatus> FakePair::Fake::storage_status() {
  GODWIT_CHECK_OK(enter("storage-status"));
  StorageStatus seen;
  if (!is_source() || pair_.mirror_ == Mirror::kNone) return seen;
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
  if (world_.refuse_finish) {
    GODWIT_CHECK_OK(enter("finish-storage"));
    return fail(ErrorCode::kRefused, *world_.refuse_finish);
  }
  return enter("finish-storage", [this] {
    if (pair_.mirror_ != Mirror::kRunning) return;
    pair_.mirror_ = Mirror::kFinishing;
    pair_.finish_start_ = world_.clock.now();
  });
}

Result<void> FakePair::Fake::drop_storage() {
  return enter("drop-storage", [this] {
    if (!is_source()) {
      pair_.serving_ = false;
    } else if (pair_.mirror_ == Mirror::kEnded) {
      pair_.mirror_ = Mirror::kNone;
    } else if (pair_.mirror_ != Mirror::kNone) {
      pair_.mirror_ = Mirror::kEnded;  // forgotten by the next call
    }
  });
}

Result<void> FakePair::Fake::continue_switchover() {
  if (world_.refuse_continue) {
    GODWIT_CHECK_OK(enter("migrate-continue"));
    return fail(ErrorCode::kRefused, *world_.refuse_continue);
  }
  return enter("migrate-continue", [this] {
    if (status.phase != Phase::kPreSwitchover) return;
    status.phase = Phase::kDevice;
    if (!pair_.destination.alive) return pair_.cut_link();
    if (!pair_.link_cut_ && !pair_.link_dead_) {
      pair_.go_over(pair_.now(), pair_.after_switchover_);
    }
  });
}

// --- disks that are written at 1 MiB/s ---

Result<void> FakePair::Fake::watch_writes(const std::vector<std::string>& devices) {
  return enter("watch-writes", [this, devices] { watched = devices; });
}

Result<std::vector<WrittenSoFar>> FakePair::Fake::written_so_far() {
  GODWIT_CHECK_OK(enter("query-written"));
  const Bytes unique(static_cast<std::int64_t>(pair_.now()) << 20);
  std::vector<WrittenSoFar> written;
  for (const std::string& device : watched) written.push_back({device, 64_KiB, unique});
  return written;
}

Result<void> FakePair::Fake::end_watching() {
  return enter("end-watching", [this] { watched.clear(); });
}

// --- a share of the disk, whose rest comes within a second ---

Result<StorageOffer> FakePair::Fake::share_disks(const std::string&,
                                                 const std::vector<std::string>& devices) {
  GODWIT_CHECK_OK(enter("share-disks", [this] { pair_.with_share_ = pair_.sharing_ = true; }));
  StorageOffer offer{"10.0.0.1", 4446, {}};
  for (const std::string& device : devices) offer.exports.push_back({device, "rest"});
  return offer;
}

Result<std::vector<WrittenExport>> FakePair::Fake::rotate_written() {
  GODWIT_CHECK_OK(enter("rotate-written"));
  return std::vector<WrittenExport>{{"written", "bitmap"}};
}

Result<void> FakePair::Fake::keep_sharing() {
  return enter("keep-sharing");
}

/// A guest that stands on it would have lost its disk.
Result<void> FakePair::Fake::end_sharing() {
  return enter("end-sharing", [this] {
    const bool taken = pair_.destination.alive && pair_.destination.state == RunState::kRunning;
    pair_.torn_ = pair_.torn_ || (pair_.needs_source() && taken);
    pair_.sharing_ = false;
  });
}

Result<void> FakePair::Fake::attach_source(const StorageOffer&, const std::vector<std::string>&,
                                           Seconds) {
  return enter("attach-source", [this] { pair_.attached_ = true; });
}

Result<void> FakePair::Fake::detach_source() {
  return enter("detach-source", [this] {
    pair_.torn_ = pair_.torn_ || (pair_.attached_ && state == RunState::kRunning);
    pair_.attached_ = false;
  });
}

/// What has been fetched is let go by the next call.
Result<void> FakePair::Fake::fetch_rest(std::optional<BytesPerSecond>) {
  return enter("fetch-rest", [this] {
    const TimePoint now = world_.clock.now();
    const bool fetched = pair_.fetching_since_ && now - *pair_.fetching_since_ >= Seconds(1);
    if (!pair_.attached_ || !pair_.source.alive) return;
    if (fetched) pair_.attached_ = false;
    if (!pair_.fetching_since_) pair_.fetching_since_ = now;
  });
}

Result<void> FakePair::Fake::pace_fetch(std::size_t, std::optional<BytesPerSecond>) {
  return enter("pace-fetch");
}

Result<RestStatus> FakePair::Fake::rest_status() {
  GODWIT_CHECK_OK(enter("rest-status"));
  RestStatus rest;
  if (!pair_.attached_) return rest;
  rest.disks = 1;
  rest.total = Bytes(kDisk);
  const Seconds since =
      pair_.fetching_since_ ? world_.clock.now() - *pair_.fetching_since_ : Seconds(0);
  rest.running = pair_.fetching_since_ && since < Seconds(1) ? 1 : 0;
  rest.done =
      Bytes(static_cast<std::int64_t>(std::min(1.0, since.count()) * static_cast<double>(kDisk)));
  if (rest.running > 0) rest.jobs.push_back({0, rest.done});
  return rest;
}

// --- the guest ---

Result<void> FakePair::Fake::pause() {
  return enter("stop", [this] {
    if (state == RunState::kInmigrate) {
      autostart_ = false;  // as QEMU does
    } else {
      state = RunState::kPaused;
    }
  });
}

Result<void> FakePair::Fake::resume() {
  return enter("cont", [this] {
    if (state == RunState::kInmigrate) {
      autostart_ = true;
      return;
    }
    state = RunState::kRunning;
    HypervisorEvent resumed = pair_.event(Kind::kResume, "RESUME");
    resumed.wall_us = world_.clock.wall_us();
    if (connected) inbox_.push_back(resumed);
  });
}

Result<void> FakePair::Fake::quit() {
  return enter("quit",
               [this] { pair_.kill(is_source() ? Victim::kSource : Victim::kDestination); });
}

}  // namespace godwit::pair
