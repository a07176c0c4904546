#include "fake_pair.h"

#include <algorithm>

namespace godwit::control {
namespace {
constexpr std::int64_t kRam = 256LL << 20;
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
  if (world_.destination_fails) {
    at(source, when + 0.105, event(Kind::kOther, "NOTHING"), [this] {
      destination.alive = false;
      destination.agenda_.clear();
    });
  }
  const auto arrival = world_.destination_waits ? Kind::kOther : Kind::kResume;
  at(destination, when + (world_.destination_fails ? 60 : 0.1), event(arrival, "RESUME"), [this] {
    if (world_.destination_waits) {
      destination.state = RunState::kPaused;
    } else if (source.state == RunState::kFinishMigrate || source.state == RunState::kPostmigrate) {
      destination.state = RunState::kRunning;
    }
  });
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
  at(source, now + 4, event(HypervisorEvent::Kind::kMigration, "MIGRATION"), [this] {
    source.status.phase = MigrationPhase::kCompleted;
    source.state = RunState::kPostmigrate;
    source.status.downtime = Seconds(0.002);
    source.status.total_time = world_.clock.now() - start_;
    source.status.transferred = Bytes(kRam + 5'000'000);
  });
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
  // What QEMU's source does when the stream breaks.
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
  return VmDescription{};
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
    state = RunState::kRunning;
  });
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
