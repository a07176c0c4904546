#include "godwit/twin/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "chance.h"
#include "godwit/domain/downtime_limit.h"
#include "postcopy.h"
#include "sending.h"
#include "to_bytes.h"

namespace godwit::twin {
namespace {

using Kind = Mishap::Kind;

Course course_of(const SessionOptions& options, const model::Growth& growth, model::Life* life) {
  const Chance& chance = options.chance;
  return {.growth = &growth,
          .life = life,
          .speed = chance.speed,
          .phase = chance.phase,
          .data_at_end = chance.data_at_end,
          .zero_page_scan = options.pair.zero_page_scan.count(),
          .coding = chance.coding,
          .processors = chance.processors};
}

}  // namespace

Result<std::unique_ptr<Session>> Session::make(Clock& clock, const GuestProfile& profile,
                                               const Link& link, const SessionOptions& options) {
  if (!(link.rate.value() > 0 && std::isfinite(link.rate.value()))) {
    return fail(ErrorCode::kBadInput, "the link has no rate");
  }
  GODWIT_TRY(Guest guest, guest_of(profile));
  GODWIT_TRY(const model::DirtyCurve curve, model::DirtyCurve::from_profile(profile));
  GODWIT_TRY(std::optional<model::Phases> phases, model::Phases::from_profile(profile));
  return std::unique_ptr<Session>(new Session(clock, std::move(guest), link, options,
                                              curve.at(options.chance.curve), std::move(phases)));
}

Session::Session(Clock& clock, Guest guest, const Link& link, const SessionOptions& options,
                 model::Growth growth, std::optional<model::Phases> phases)
    : clock_(clock),
      guest_(std::move(guest)),
      link_(link),
      options_(options),
      growth_(std::move(growth)),
      phases_(std::move(phases)) {
  if (phases_) life_.emplace(*phases_, options_.chance.curve, options_.chance.life);
}

Session::~Session() = default;

// --- the way there ---

Result<void> Session::prepare(const MigrationPlan& plan) {
  plan_ = plan;
  if (plan.technique.storage) {
    return fail(ErrorCode::kUnsupported, "the twin simulates no disks");
  }
  if (!predicts(plan.technique)) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("the twin does not simulate {}", to_string(plan.technique)));
  }
  if (plan.technique.ending == Ending::kFirstEstimate) {
    plan_.parameters.downtime_limit = kLongestDowntimeLimit;
  }
  plan_.parameters = assumed(plan_.technique, plan_.parameters, link_);
  const Sending sending =
      sending_of(plan_.technique, guest_, plan_.parameters, link_, options_.pair);
  migration_.emplace(guest_, sending, course_of(options_, growth_, life_ ? &*life_ : nullptr));
  return {};
}

Result<void> Session::start() {
  seen_.started = seen_.launched_at = seen_.last_answer = seen_.last_progress = clock_.now();
  seen_.started_wall_us = seen_.launched_wall_us = clock_.wall_us();
  seen_.stream = "the twin";
  seen_.launched = true;
  seen_.may_slow_down = true;
  heard_ = clock_.now();
  ever_dirty_ = guest_.ram;
  now_ = Now::kSetup;
  phase_ = MigrationPhase::kSetup;
  return {};
}

// --- time passes ---

std::vector<PassSync> Session::watch(TimePoint deadline) {
  while (clock_.now() < deadline && syncs_.empty() && now_ != Now::kOver) advance(deadline);
  if (clock_.now() < deadline && syncs_.empty()) (void)clock_.wait_until(deadline, {});
  ask();
  return std::exchange(syncs_, {});
}

void Session::advance(TimePoint deadline) {
  const Mishap& mishap = options_.mishap;
  if (mishap.kind != Kind::kNone && !befallen_) {
    const TimePoint when = seen_.started + mishap.at;
    if (clock_.now() >= when) return befall();
    deadline = std::min(deadline, when);
  }
  const double setup = options_.chance.overhead;
  const double loading = options_.chance.device_state + options_.chance.resume;
  switch (now_) {
    case Now::kSetup:
      return wait_for(Seconds(setup), deadline, Now::kPasses);
    case Now::kLoading:
      return wait_for(Seconds(loading), deadline, Now::kOver);
    case Now::kPasses:
    case Now::kSwitchover:
    case Now::kPostcopy:
      return simulate(deadline);
    default:
      (void)clock_.wait_until(deadline, {});
  }
}

/// Waits, and begins `then` when the whole wait is over.
void Session::wait_for(Seconds at_most, TimePoint deadline, Now then) {
  const TimePoint end = clock_.now() + (at_most - waited_);
  const TimePoint until = std::min(deadline, end);
  waited_ += until - clock_.now();
  (void)clock_.wait_until(until, {});
  if (until < end) return;
  waited_ = {};
  now_ = then;
  end_of_wait();
}

void Session::end_of_wait() {
  if (now_ == Now::kPasses) {
    phase_ = MigrationPhase::kActive;
    note_sync();
  } else if (now_ == Now::kOver) {
    resume_there();
    finish(MigrationPhase::kCompleted);
  }
}

void Session::simulate(TimePoint deadline) {
  if (!link_works()) {
    (void)clock_.wait_until(deadline, {});
    return;
  }
  const double before = migration_->progress().seconds;
  const bool ended = migration_->run((deadline - clock_.now()).count());
  const Seconds took(migration_->progress().seconds - before);
  vcpu_time_ += took * vcpu_use();
  (void)clock_.wait_until(ended ? std::min(deadline, clock_.now() + took) : deadline, {});
  if (ended) end_of_step();
}

void Session::end_of_step() {
  if (now_ == Now::kPasses) {
    ever_dirty_ += migration_->progress().dirtied;
    note_sync();
    if (migration_->progress().stage == Stage::kSwitchover) stop_guest();
  } else if (now_ == Now::kSwitchover) {
    now_ = Now::kLoading;
    sent_ = since_start();
  } else {
    finish(MigrationPhase::kCompleted);
  }
}

/// A guest that stands still already does not stop for the migration.
void Session::stop_guest() {
  now_ = Now::kSwitchover;
  phase_ = MigrationPhase::kDevice;
  if (runs_here_) stopped_us_ = clock_.wall_us();
  runs_here_ = false;
}

void Session::resume_there() {
  if (seen_.paused_as) return;
  runs_there_ = true;
  resumed_us_ = clock_.wall_us();
}

void Session::finish(MigrationPhase phase) {
  now_ = Now::kOver;
  phase_ = phase;
  total_ = phase == MigrationPhase::kCompleted && sent_ ? *sent_ : since_start();
}

/// `pages` is what the sync counted; where QEMU is asked right after it, nothing was sent since.
void Session::note_sync() {
  if (silent()) return;
  VcpuCount count{clock_.wall_us(), {}};
  for (int i = 0; i < guest_.vcpus; ++i) count.uses.push_back({i, i + 1, vcpu_time_, {}});
  syncs_.push_back({migration_->progress().passes + 1, clock_.wall_us(), status(), count});
}

/// Of one CPU, by each vCPU now.
double Session::vcpu_use() const {
  return std::min({guest_.cpu_use, seen_.cpu_quota.value(), 1 - migration_->progress().throttle});
}

// --- what is said of it ---

bool Session::silent() const {
  return !source_lives_ || (befallen_ && options_.mishap.kind == Kind::kSourceSilent);
}

bool Session::link_works() const {
  return mended_ || !(befallen_ && options_.mishap.kind == Kind::kLinkDead);
}

MigrationStatus Session::status() const {
  MigrationStatus s;
  s.phase = phase_;
  s.error = error_;
  if (!migration_ || phase_ == MigrationPhase::kSetup) return s;
  const Progress& at = migration_->progress();
  const bool first_pass = at.passes == 0 && at.stage == Stage::kPasses;
  const double zeros =
      first_pass && guest_.data > 0 ? (guest_.ram - guest_.data) * at.left / guest_.data : 0;
  const auto page = static_cast<std::int64_t>(guest_.page);
  s.transferred = to_bytes(at.stream);
  s.remaining = to_bytes(at.left + zeros);
  s.total = to_bytes(guest_.ram);
  s.page_size = Bytes(page);
  const PageCount ever = PageSize(page).pages_for(to_bytes(ever_dirty_));
  s.normal_pages = std::max(ever - PageSize(page).pages_for(*s.remaining), PageCount());
  s.zero_pages = PageCount();
  s.dirty_sync_count = at.passes + 1;
  const double stream = plan_.parameters.max_bandwidth->value();
  s.throughput = BytesPerSecond(std::min(stream, link_.rate.value()) * options_.chance.speed);
  if (at.passes > 0 && at.step_seconds > 0) {
    s.dirty_rate = BytesPerSecond(at.dirtied / at.step_seconds);
  }
  s.throttle_percent = static_cast<int>(std::lround(at.throttle * 100));
  if (now_ != Now::kOver) return s;
  s.total_time = total_;
  if (stopped_us_ && resumed_us_) {
    s.downtime = Seconds(static_cast<double>(*resumed_us_ - *stopped_us_) * 1e-6);
  }
  return s;
}

void Session::ask() {
  if (silent()) return;
  heard_ = seen_.last_answer = clock_.now();
  MigrationStatus now = status();
  if (now.transferred != seen_.status.transferred || now.phase != seen_.status.phase) {
    seen_.last_progress = seen_.last_answer;
  }
  seen_.status = std::move(now);
  seen_.stop_us = stopped_us_;
  seen_.resume_us = resumed_us_;
}

Liveness Session::liveness() {
  return {!source_lives_, source_lives_, false, clock_.now() - heard_};
}

std::vector<std::string> Session::take_remarks() {
  return std::exchange(remarks_, {});
}

std::optional<Seconds> Session::client_outage() const {
  if (phase_ != MigrationPhase::kCompleted || !stopped_us_ || !resumed_us_) return std::nullopt;
  const Chance& chance = options_.chance;
  if (split_at_) {
    const double share = migration_->progress().passes > 0 ? 1 : 0;
    const Seconds rest = seen_.started + total_ - *split_at_;
    const Sending sending =
        sending_of(plan_.technique, guest_, plan_.parameters, link_, options_.pair);
    const auto guest =
        postcopy_silence(sending, plan_.parameters, options_.pair, chance, share, rest.count());
    return Seconds(guest.silent + chance.client);
  }
  const Seconds stopped(static_cast<double>(*resumed_us_ - *stopped_us_) * 1e-6);
  return stopped + Seconds(std::max(chance.client - chance.resume, 0.0));
}

// --- mishaps ---

void Session::befall() {
  befallen_ = true;
  switch (options_.mishap.kind) {
    case Kind::kLinkCut:
      break_stream("the connection was cut");
      break;
    case Kind::kSourceDies:
      source_lives_ = runs_here_ = false;
      if (now_ != Now::kLoading && now_ != Now::kOver) now_ = Now::kOver;
      break;
    case Kind::kDestinationDies:
      destination_died();
      break;
    case Kind::kSomebodyPauses:
      if (!runs_here_) break;
      runs_here_ = false;
      seen_.paused_as = RunState::kPaused;
      remarks_.emplace_back("somebody paused the guest at the source during the migration");
      break;
    case Kind::kSomebodyCancels:
      if (now_ == Now::kPasses) finish(MigrationPhase::kCancelled);
      break;
    case Kind::kGuestShutsDown:
      if (!runs_here_) break;
      runs_here_ = false;
      seen_.shut_down = true;
      remarks_.emplace_back("the guest shut itself down at the source");
      break;
    default:
      break;
  }
}

void Session::destination_died() {
  destination_lives_ = runs_there_ = false;
  if (now_ == Now::kOver) return;
  break_stream("the destination's process ended");
}

/// QEMU's source lets its guest run on, unless the destination has a part of it.
void Session::break_stream(const std::string& why) {
  if (now_ == Now::kOver || now_ == Now::kIdle) return;
  error_ = why;
  if (now_ == Now::kPostcopy) {
    runs_there_ = false;
    return finish(MigrationPhase::kPostcopyPaused);
  }
  if (stopped_us_) runs_here_ = true;
  stopped_us_.reset();
  finish(MigrationPhase::kFailed);
}

// --- orders ---

Result<void> Session::amend(const Order& order) {
  if (befallen_ && options_.mishap.kind == Kind::kOrdersRefused) {
    return fail(ErrorCode::kRefused, "the simulated hypervisor refuses orders");
  }
  if (silent()) return fail(ErrorCode::kTimeout, "the simulated hypervisor does not answer");
  if (order.cpu_quota) {
    seen_.cpu_quota = *order.cpu_quota;
    migration_->set_quota(order.cpu_quota->value());
  }
  if (!order.max_bandwidth && !order.downtime_limit) return {};
  MigrationParameters& now = plan_.parameters;
  if (order.max_bandwidth) now.max_bandwidth = order.max_bandwidth;
  if (order.downtime_limit) now.downtime_limit = order.downtime_limit;
  const Sending sending = sending_of(plan_.technique, guest_, now, link_, options_.pair);
  migration_->amend(sending.rate, sending.limit);
  return {};
}

Result<void> Session::switch_to_postcopy() {
  if (befallen_ && options_.mishap.kind == Kind::kOrdersRefused) {
    return fail(ErrorCode::kRefused, "the simulated hypervisor refuses orders");
  }
  if (silent()) return fail(ErrorCode::kTimeout, "the simulated hypervisor does not answer");
  seen_.postcopy_ordered = true;
  if (now_ != Now::kPasses || !link_works()) return {};
  migration_->start_postcopy();
  split_at_ = clock_.now();
  if (runs_here_) stopped_us_ = clock_.wall_us();
  runs_here_ = false;
  now_ = Now::kPostcopy;
  phase_ = MigrationPhase::kPostcopyActive;
  const Seconds away(options_.chance.postcopy_stop + options_.chance.postcopy_resume);
  if (!seen_.paused_as) {
    runs_there_ = true;
    resumed_us_ = clock_.wall_us() + std::llround(away.count() * 1e6);
  }
  return {};
}

bool Session::cancel(GiveUp why, const std::string& reason) {
  if (silent() || (now_ != Now::kPasses && now_ != Now::kSetup)) return false;
  why_ = why;
  reason_ = reason;
  seen_.gave_up_at = clock_.now();
  seen_.cancel_ordered = true;
  finish(MigrationPhase::kCancelled);
  ask();
  return true;
}

void Session::give_link_up() {
  break_stream("the link carried nothing and was given up");
  ask();
}

/// Both sides hold what they had.
void Session::mend_link() {
  const Mishap& mishap = options_.mishap;
  const bool carries =
      mishap.mended_after && clock_.now() >= seen_.started + mishap.at + *mishap.mended_after;
  if (phase_ != MigrationPhase::kPostcopyPaused || !carries || !destination_lives_) return;
  mended_ = true;
  error_.clear();
  now_ = Now::kPostcopy;
  phase_ = MigrationPhase::kPostcopyActive;
  runs_there_ = !seen_.paused_as;
  ask();
  seen_.last_progress = seen_.last_answer;
}

// --- the end ---

std::optional<RunState> Session::run_state(Side side) {
  const bool here = side == Side::kSource;
  if (here ? silent() : !destination_lives_) return std::nullopt;
  if (here ? runs_here_ : runs_there_) return RunState::kRunning;
  if (here && seen_.shut_down) return RunState::kShutdown;
  if (here && seen_.paused_as && now_ == Now::kOver && phase_ != MigrationPhase::kCompleted) {
    return seen_.paused_as;
  }
  if (phase_ == MigrationPhase::kCompleted) {
    return here ? RunState::kPostmigrate : RunState::kPaused;
  }
  return here ? RunState::kFinishMigrate : RunState::kInmigrate;
}

void Session::settle(MigrationOutcome& outcome, const std::stop_token&) {
  outcome.status = status_of_end();
  outcome.reason = reason_of_end();
  outcome.vm_runs_on = place();
  if (outcome.status == OutcomeStatus::kCompleted && outcome.vm_runs_on == VmRunsOn::kUnknown) {
    outcome.status = OutcomeStatus::kFailed;
  }
}

OutcomeStatus Session::status_of_end() const {
  if (silent()) return OutcomeStatus::kFailed;
  if (phase_ == MigrationPhase::kCompleted) return OutcomeStatus::kCompleted;
  if (why_ == GiveUp::kDeadline) return OutcomeStatus::kDidNotConverge;
  if (why_ == GiveUp::kUser || why_ == GiveUp::kLaw) return OutcomeStatus::kCancelled;
  const bool cancelled_by_others = why_ == GiveUp::kNone && phase_ == MigrationPhase::kCancelled;
  return cancelled_by_others ? OutcomeStatus::kCancelled : OutcomeStatus::kFailed;
}

std::string Session::reason_of_end() const {
  if (!source_lives_) return "the source's process ended";
  if (silent()) return "the source's monitor fell silent; the migration may go on";
  if (phase_ == MigrationPhase::kCompleted) {
    return destination_lives_ ? ""
                              : "the destination's process ended after it had taken the guest over";
  }
  if (why_ != GiveUp::kNone) return reason_;
  if (!error_.empty()) return error_;
  if (phase_ == MigrationPhase::kCancelled) return "somebody else cancelled it";
  return fmt::format("it does not end (phase {})", to_string(phase_));
}

VmRunsOn Session::place() const {
  const bool completed = phase_ == MigrationPhase::kCompleted;
  if (phase_ == MigrationPhase::kPostcopyPaused) {
    return destination_lives_ ? VmRunsOn::kBothPaused : VmRunsOn::kUnknown;
  }
  if (silent()) return completed && runs_there_ ? VmRunsOn::kDestination : VmRunsOn::kUnknown;
  if (completed) return destination_lives_ ? VmRunsOn::kDestination : VmRunsOn::kUnknown;
  const bool in_between = stopped_us_ && !is_final(phase_);
  return in_between ? VmRunsOn::kBothPaused : VmRunsOn::kSource;
}

void Session::release(MigrationOutcome& outcome) {
  outcome.given_back = true;
  if (outcome.vm_runs_on == VmRunsOn::kSource) outcome.destination_usable = destination_lives_;
}

int Session::running_guests() const {
  return (source_lives_ && runs_here_ ? 1 : 0) + (destination_lives_ && runs_there_ ? 1 : 0);
}

Result<SessionOptions> drawn_options(const HostPairConstants& pair, const GuestProfile& profile,
                                     std::uint64_t seed) {
  GODWIT_TRY(const auto curve, model::DirtyCurve::from_profile(profile));
  SessionOptions options;
  options.pair = pair;
  options.chance = drawn_chances(pair, curve, 1, seed).chances.back();
  options.chance.life = seed;
  return options;
}

}  // namespace godwit::twin
