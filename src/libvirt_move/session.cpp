#include "godwit/libvirt_move/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/control/journal_step.h"
#include "godwit/control/quota_lease.h"
#include "godwit/control/settings.h"
#include "godwit/libvirt/connection.h"
#include "godwit/libvirt/domain_xml.h"
#include "godwit/libvirt/job.h"
#include "godwit/libvirt/speed.h"
#include "godwit/steer/stage.h"
#include "migrate_call.h"
#include "place.h"

namespace godwit::libvirt_move {
namespace {

using libvirt::DomainEvent;
using libvirt::DomainState;
using libvirt::EventQueue;
using libvirt::identity_of;
using libvirt::Job;
using libvirt::job_of;
using libvirt::state_name;
using steer::rules_of;
using steer::stage_of;

/// As often as control looks; each question is one of libvirtd's to QEMU.
constexpr Seconds kAskEvery{0.1};
/// In a switchover QEMU is mute, and with it the daemon's answer: events tell.
constexpr Seconds kAskMuteEvery{5};
/// What is refused is mostly refused by then: it is an error, and nothing was started.
constexpr Seconds kBeginPatience{5};
/// A daemon that restarts needs some seconds; as long as pair's monitors are tried.
constexpr Seconds kReachPatience{30};
constexpr Seconds kReachEvery{0.5};
/// Of which one try takes so much at most; the next one goes on with it.
constexpr Seconds kOpenPatience{5};
/// Daemons clear up after a migration within a second or two.
constexpr Seconds kSettlePatience{15};
constexpr Seconds kTick{0.1};
/// The job's statistics may come just behind the call's return.
constexpr Seconds kStatisticsPatience{2};

class LibvirtSession final : public MigrationSession {
 public:
  LibvirtSession(Clock& clock, Ends ends)
      : clock_(clock),
        ends_(std::move(ends)),
        quota_(ends_.cpu_quota, [this] { return note(step_); }) {
    seen_.stream = ends_.destination->uri();
  }

  Result<void> prepare(const MigrationPlan& plan) override;
  Result<void> start() override;
  std::vector<PassSync> watch(TimePoint deadline) override;
  [[nodiscard]] const SessionView& view() const override { return seen_; }
  [[nodiscard]] Liveness liveness() override;
  /// Where disks go first, it may end before memory's turn has come.
  [[nodiscard]] bool exhausted() override {
    return out_of_reach_ || (end_ && !lost_since_ && !seen_.launched);
  }
  std::vector<std::string> take_remarks() override { return std::exchange(remarks_, {}); }
  Result<void> amend(const Order& order) override;
  Result<void> switch_to_postcopy() override;
  bool cancel(GiveUp why, const std::string& reason) override;
  void settle(MigrationOutcome& outcome, const std::stop_token& leave) override;
  [[nodiscard]] std::optional<RunState> run_state(Side side) override;
  void release(MigrationOutcome& outcome) override;

 private:
  // --- the way there ---
  Result<void> borrow(const MigrationParameters& wanted);
  Result<void> note(std::string_view step);
  [[nodiscard]] std::string stream() const;

  // --- while it runs ---
  void take(const DomainEvent& event);
  void take_from_source(const DomainEvent& event);
  void take_from_destination(const DomainEvent& event);
  void take_suspended(const DomainEvent& event);
  void note_pass(std::int64_t pass, std::int64_t wall_us);
  void poll();
  void take_job(const Job& job);
  void take_end(const MigrateCall::End& end);
  void await_statistics();
  void reach_source();
  void look_after_reaching();
  [[nodiscard]] bool under_way() const { return seen_.launched && passes_seen_; }
  Result<void> slow_down(Ratio share);
  void mind_quota();
  bool lift_quota();

  // --- the end ---
  [[nodiscard]] SideLook look(Side side);
  [[nodiscard]] Place find_place(const std::stop_token& leave);
  void conclude(const Place& place, MigrationOutcome& outcome);
  [[nodiscard]] std::string reason_of() const;

  Clock& clock_;
  Ends ends_;
  MigrationPlan plan_;
  SessionView seen_;
  std::shared_ptr<EventQueue> queue_ = std::make_shared<EventQueue>();
  std::unique_ptr<MigrateCall> call_;
  std::optional<MigrateCall::End> end_;
  std::vector<PassSync> syncs_;
  std::vector<std::string> remarks_;
  std::int64_t first_pass_ = 1;  ///< libvirt's number of the first pass
  bool passes_seen_ = false;
  bool statistics_came_ = false;
  TimePoint next_question_{};
  std::optional<TimePoint> lost_since_;  ///< the source's daemon
  TimePoint next_reach_{};
  bool out_of_reach_ = false;
  GiveUp abort_ = GiveUp::kNone;
  std::string abort_reason_;
  std::optional<Lease> lease_;
  control::QuotaLease quota_;
  std::string step_;  ///< as the journal has it
  SideLook here_;
  SideLook there_;
};

// --- the way there ---

Result<void> LibvirtSession::prepare(const MigrationPlan& plan) {
  plan_ = plan;
  GODWIT_TRY(const RunState state, ends_.source.run_state());
  if (state == RunState::kPaused || state == RunState::kSuspended) seen_.paused_as = state;
  if (state != RunState::kRunning && !seen_.paused_as) {
    return fail(ErrorCode::kRefused,
                fmt::format("the domain can't be migrated now: it is {}", to_string(state)),
                "see virsh domstate");
  }
  seen_.may_slow_down = quota_.check().has_value();
  const std::string& uuid = ends_.source.uuid();
  GODWIT_CHECK_OK(ends_.source.connection()->listen(uuid, Side::kSource, queue_));
  GODWIT_CHECK_OK(ends_.destination->listen(uuid, Side::kDestination, queue_));
  if (ends_.carrier != nullptr) {
    GODWIT_CHECK_OK(ends_.carrier->set_rate(std::exchange(plan_.parameters.max_bandwidth, {})));
  }
  return borrow(control::settings_for(plan).parameters);
}

/// What libvirt keeps beyond a migration: written down before it is changed.
Result<void> LibvirtSession::borrow(const MigrationParameters& wanted) {
  MigrationParameters borrowed;
  borrowed.downtime_limit = wanted.downtime_limit;
  if (!borrowed.downtime_limit) return note("preparing");
  GODWIT_TRY(const MigrationParameters now, ends_.source.parameters());
  lease_ = Lease{{{}, {}}, {{}, borrowed}};
  lease_->before.parameters.downtime_limit = now.downtime_limit;
  GODWIT_CHECK_OK(note("preparing"));
  return ends_.source.set_parameters(borrowed);
}

Result<void> LibvirtSession::start() {
  GODWIT_CHECK_OK(note("migrating"));
  seen_.started = seen_.launched_at = seen_.last_answer = seen_.last_progress = clock_.now();
  seen_.started_wall_us = seen_.launched_wall_us = clock_.wall_us();
  seen_.status.phase = MigrationPhase::kSetup;
  seen_.launched = !plan_.technique.storage;
  call_ = std::make_unique<MigrateCall>(
      ends_.source.connection(), ends_.destination, ends_.source.uuid(),
      MigrateOrder{plan_, ends_.destination->uri(), stream()}, queue_);
  const TimePoint give_up = clock_.now() + kBeginPatience;
  while (!call_->end() && !passes_seen_ && clock_.now() < give_up) {
    if (const auto event = queue_->next(clock_, give_up)) take(*event);
  }
  const auto end = call_->end();
  if (!end || end->well || end->lost || passes_seen_ || seen_.stop_us) return {};
  call_.reset();
  return fail(*end->error);
}

/// Of the carrier, as libvirt writes it.
std::string LibvirtSession::stream() const {
  const auto address =
      ends_.carrier == nullptr ? std::nullopt : tcp_address_of(ends_.carrier->uri());
  return address ? fmt::format("tcp://{}:{}", address->host, address->port) : "";
}

Result<void> LibvirtSession::note(std::string_view step) {
  step_ = step;
  JournalEntry entry;
  entry.source = ends_.source_name;
  entry.destination = ends_.destination_name;
  entry.source_identity = identity_of(*ends_.source.connection(), ends_.source.uuid());
  entry.destination_identity = identity_of(*ends_.destination, ends_.source.uuid());
  entry.step = step;
  entry.source_lease = lease_;
  entry.source_cpu = quota_.lent();
  return control::record_step(ends_.journal, clock_, std::move(entry));
}

// --- while it runs ---

std::vector<PassSync> LibvirtSession::watch(TimePoint deadline) {
  const TimePoint until = std::min(deadline, std::max(next_question_, clock_.now()));
  if (const auto event = queue_->next(clock_, until)) take(*event);
  if (!end_ && call_ && call_->end()) take_end(*call_->end());
  if (lost_since_) {
    reach_source();
  } else if (!is_final(seen_.status.phase)) {
    poll();
  }
  mind_quota();
  return std::exchange(syncs_, {});
}

void LibvirtSession::take(const DomainEvent& event) {
  if (event.side == Side::kSource) {
    take_from_source(event);
  } else {
    take_from_destination(event);
  }
}

void LibvirtSession::take_from_source(const DomainEvent& event) {
  using Kind = DomainEvent::Kind;
  switch (event.kind) {
    case Kind::kPass:
      note_pass(event.pass, event.wall_us);
      break;
    case Kind::kSuspended:
      take_suspended(event);
      break;
    case Kind::kResumed:
      seen_.stop_us.reset();
      seen_.paused_as.reset();
      break;
    case Kind::kShuttingDown:
      seen_.shut_down = seen_.shut_down || event.detail == VIR_DOMAIN_EVENT_SHUTDOWN_GUEST;
      break;
    case Kind::kStopped:
      seen_.shut_down = seen_.shut_down || event.detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN;
      if (event.detail == VIR_DOMAIN_EVENT_STOPPED_DESTROYED) {
        remarks_.emplace_back("somebody destroyed the domain at the source during the migration");
      } else if (event.detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED) {
        remarks_.emplace_back("the domain's QEMU ended at the source during the migration");
      }
      break;
    case Kind::kJobEnded:
      statistics_came_ = true;
      seen_.status = event.ended;
      seen_.status.phase = seen_.postcopy_ordered
                               ? MigrationPhase::kPostcopyActive
                               : MigrationPhase::kDevice;  // until libvirt returns
      break;
    default:
      break;
  }
}

/// By the migration, or by a person: libvirt takes a pause in the middle for an order to send the
/// rest with the guest standing still, and lets it run at the destination.
void LibvirtSession::take_suspended(const DomainEvent& event) {
  switch (event.detail) {
    case VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY:
      seen_.status.phase = MigrationPhase::kPostcopyActive;
      [[fallthrough]];
    case VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED:
      seen_.stop_us = event.wall_us;
      break;
    case VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED:
      seen_.status.phase = MigrationPhase::kPostcopyPaused;
      break;
    case VIR_DOMAIN_EVENT_SUSPENDED_PAUSED:
      seen_.paused_as = RunState::kPaused;
      remarks_.emplace_back("somebody paused the guest at the source during the migration");
      break;
    case VIR_DOMAIN_EVENT_SUSPENDED_IOERROR:
      seen_.paused_as = RunState::kIoError;
      remarks_.emplace_back("a disk of the guest failed at the source during the migration");
      break;
    default:
      break;
  }
}

void LibvirtSession::take_from_destination(const DomainEvent& event) {
  if (event.kind == DomainEvent::Kind::kResumed) {
    const bool split = event.detail == VIR_DOMAIN_EVENT_RESUMED_POSTCOPY;
    if (!seen_.resume_us) seen_.resume_us = event.wall_us;
    if (split && !is_final(seen_.status.phase)) {
      seen_.status.phase = MigrationPhase::kPostcopyActive;
    }
  }
  if (event.kind == DomainEvent::Kind::kShuttingDown) {
    seen_.shut_down_there = event.detail == VIR_DOMAIN_EVENT_SHUTDOWN_GUEST;
  }
  if (event.kind == DomainEvent::Kind::kSuspended &&
      event.detail == VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED) {
    seen_.status.phase = MigrationPhase::kPostcopyPaused;
  }
}

/// The counter may go on from a migration that was cancelled before.
void LibvirtSession::note_pass(std::int64_t pass, std::int64_t wall_us) {
  call_->commit();
  if (!std::exchange(passes_seen_, true)) {
    first_pass_ = pass;
    if (!std::exchange(seen_.launched, true)) {
      seen_.launched_at = clock_.now();
      seen_.launched_wall_us = wall_us;
    }
  }
  next_question_ = clock_.now();
  poll();
  syncs_.push_back({pass - first_pass_ + 1, wall_us, seen_.status, quota_.count(clock_.wall_us())});
}

void LibvirtSession::poll() {
  if (clock_.now() < next_question_) return;
  const bool mute = rules_of(stage_of(seen_)).mute;
  next_question_ = clock_.now() + (mute ? kAskMuteEvery : kAskEvery);
  const auto domain = ends_.source.connection()->find(ends_.source.uuid());
  const auto job = domain ? job_of(*ends_.source.connection(), domain->get())
                          : Result<Job>(fail(domain.error()));
  if (job) take_job(*job);
}

void LibvirtSession::take_job(const Job& job) {
  seen_.last_answer = clock_.now();
  // Before memory's turn comes, libvirt starts the other QEMU: that is no link that stands still.
  if (!passes_seen_) seen_.last_progress = seen_.last_answer;
  if (job.operation != VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT) return;
  const MigrationPhase phase = seen_.status.phase;
  if (job.status.transferred != seen_.status.transferred) seen_.last_progress = seen_.last_answer;
  if (plan_.technique.storage) {
    const bool moved = seen_.storage && seen_.storage->done != job.disk_done;
    if (moved) seen_.last_progress = seen_.last_answer;
    seen_.storage = StorageView{job.disk_done, job.disk_left, ""};
  }
  if (!job.status.transferred) return;
  seen_.status = job.status;
  seen_.status.phase =
      phase == MigrationPhase::kSetup && passes_seen_ ? MigrationPhase::kActive : phase;
}

void LibvirtSession::take_end(const MigrateCall::End& end) {
  end_ = end;
  if (end.lost) {
    lost_since_ = clock_.now();
    remarks_.push_back(
        fmt::format("a daemon was lost on the way ({}): nothing of the VM follows "
                    "from that",
                    end.error ? end.error->message : ""));
    return;
  }
  if (end.well) await_statistics();
  seen_.last_answer = clock_.now();
  const bool split = seen_.status.phase == MigrationPhase::kPostcopyPaused;
  if (!split || end.well) {
    seen_.status.phase = end.well               ? MigrationPhase::kCompleted
                         : seen_.cancel_ordered ? MigrationPhase::kCancelled
                                                : MigrationPhase::kFailed;
  } else {
    out_of_reach_ = true;  // libvirt has given it up, and mends nothing by itself
  }
  if (end.error) seen_.status.error = end.error->message;
  if (end.well) {
    seen_.status.total_time = end.at - seen_.launched_at;
    remarks_.push_back(end.direct
                           ? fmt::format("carried out by libvirt with this process between both "
                                         "daemons: peer-to-peer was not possible ({})",
                                         end.peer_problem)
                           : "carried out by libvirt, peer-to-peer");
    if (plan_.tls) remarks_.push_back("encrypted by TLS, as libvirt sets it up");
  }
}

void LibvirtSession::await_statistics() {
  const TimePoint give_up = clock_.now() + kStatisticsPatience;
  while (clock_.now() < give_up && !(statistics_came_ && seen_.resume_us)) {
    if (const auto event = queue_->next(clock_, give_up)) take(*event);
  }
  if (!statistics_came_) return;
  // From the guest's stop to its going on as libvirt has it: none of the kinds that are compared.
  const auto downtime = std::exchange(seen_.status.downtime, std::nullopt);
  if (downtime && seen_.status.total_time) {
    remarks_.push_back(fmt::format("libvirt counts {:.3f} s in all and a downtime of {:.0f} ms",
                                   seen_.status.total_time->count(),
                                   Milliseconds(*downtime).count()));
  }
}

// --- a daemon that is lost ---

Liveness LibvirtSession::liveness() {
  return {false, !lost_since_, out_of_reach_, clock_.now() - seen_.last_answer};
}

/// Peer-to-peer, the migration goes on without us; and a daemon that starts anew looks after what
/// it finds.
void LibvirtSession::reach_source() {
  if (clock_.now() < next_reach_) return;
  next_reach_ = clock_.now() + kReachEvery;
  const bool there = ends_.destination->alive() || look(Side::kDestination).seen != Seen::kUnknown;
  const auto before = ends_.source.connection();
  if (ends_.source.reconnect() && there) {
    const auto& now = ends_.source.connection();
    if (now != before) (void)now->listen(ends_.source.uuid(), Side::kSource, queue_);
    if (now->alive()) return look_after_reaching();
  }
  out_of_reach_ = clock_.now() - *lost_since_ > kReachPatience;
}

void LibvirtSession::look_after_reaching() {
  const auto domain = ends_.source.connection()->find(ends_.source.uuid());
  const auto job = domain ? job_of(*ends_.source.connection(), domain->get())
                          : Result<Job>(fail(domain.error()));
  if (job && job->operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT &&
      job->type != VIR_DOMAIN_JOB_NONE) {
    seen_.last_answer = clock_.now();
    take_job(*job);
    return;  // looked at again, until it has ended
  }
  lost_since_.reset();
  const bool arrived =
      look(Side::kDestination).seen == Seen::kRuns && look(Side::kSource).seen == Seen::kGone;
  seen_.status.phase = arrived ? MigrationPhase::kCompleted : MigrationPhase::kFailed;
  if (!arrived) seen_.status.error = end_ && end_->error ? end_->error->message : "";
  end_->well = arrived;
}

// --- orders ---

/// What is changed for the first time is written down first.
Result<void> LibvirtSession::amend(const Order& order) {
  if (order.cpu_quota) GODWIT_CHECK_OK(slow_down(*order.cpu_quota));
  MigrationParameters parameters;
  parameters.downtime_limit = order.downtime_limit;
  parameters.max_bandwidth = order.max_bandwidth;
  if (ends_.carrier != nullptr && order.max_bandwidth) {
    GODWIT_CHECK_OK(ends_.carrier->set_rate(std::exchange(parameters.max_bandwidth, {})));
  }
  if (!parameters.downtime_limit && !parameters.max_bandwidth) return {};
  if (!lease_) lease_ = Lease{};
  Lease& lease = *lease_;
  const bool more = (parameters.downtime_limit && !lease.before.parameters.downtime_limit) ||
                    (parameters.max_bandwidth && !lease.before.parameters.max_bandwidth);
  if (more) {
    GODWIT_TRY(const MigrationParameters now, ends_.source.parameters());
    auto& before = lease.before.parameters;
    if (!before.downtime_limit) before.downtime_limit = now.downtime_limit;
    if (parameters.max_bandwidth && !before.max_bandwidth) {
      before.max_bandwidth = now.max_bandwidth.value_or(libvirt::kNoLimit);
    }
    GODWIT_CHECK_OK(note(step_));
  }
  return ends_.source.set_parameters(parameters);
}

/// By control groups: a change of the domain's scheduling would wait for its migration, as libvirt
/// takes none during that job; and it would travel along to the destination.
Result<void> LibvirtSession::slow_down(Ratio share) {
  auto limited = quota_.limit(share);
  seen_.cpu_quota = quota_.share();
  return limited;
}

/// Once the guest leaves or stays for good, it gets all of its time back.
void LibvirtSession::mind_quota() {
  quota_.mind(clock_.now(), rules_of(stage_of(seen_)).may_change_limits);
  seen_.cpu_quota = quota_.share();
}

/// False when it could not be done.
bool LibvirtSession::lift_quota() {
  const bool lifted = quota_.lift();
  seen_.cpu_quota = quota_.share();
  return lifted;
}

/// The guest stops faster when no vCPU waits for its next period. Over a connection that is known
/// to be lost nothing is ordered: it is tried again once there is another.
Result<void> LibvirtSession::switch_to_postcopy() {
  if (lost_since_) return fail(ErrorCode::kBusy, "the source's daemon can't be reached now");
  (void)lift_quota();
  auto ordered = ends_.source.start_postcopy();
  if (!ordered && ordered.error().code != ErrorCode::kPeerGone) return ordered;
  seen_.postcopy_ordered = true;  // without an answer it may have begun all the same
  (void)note("postcopy");
  return {};
}

/// A call that was lost with its connection has ended here alone: peer-to-peer, the daemons go on.
bool LibvirtSession::cancel(GiveUp why, const std::string& reason) {
  if (!call_ || (call_->end() && !lost_since_)) return false;
  call_->commit();
  abort_ = why;
  abort_reason_ = reason;
  (void)note("cancelling");
  if (const auto cancelled = ends_.source.cancel(); !cancelled) {
    log::warning("{}", cancelled.error().message);
    return false;
  }
  seen_.cancel_ordered = true;
  seen_.gave_up_at = clock_.now();
  return true;
}

// --- the end ---

SideLook LibvirtSession::look(Side side) {
  if (side == Side::kDestination && !ends_.destination->alive()) {
    if (auto anew = Connection::open(ends_.destination->uri(), {.patience = kOpenPatience}))
      ends_.destination = std::move(*anew);
  }
  if (side == Side::kSource && !ends_.source.connection()->alive()) (void)ends_.source.reconnect();
  const Connection& host = side == Side::kSource ? *ends_.source.connection() : *ends_.destination;
  const auto domain = host.find(ends_.source.uuid());
  const auto now =
      domain ? host.state_of(domain->get()) : Result<DomainState>(fail(domain.error()));
  if (!now) {
    const bool absent = now.error().code == ErrorCode::kNotFound;
    return {absent ? Seen::kGone : Seen::kUnknown, absent ? "not there" : now.error().message};
  }
  SideLook seen{Seen::kPaused, state_name(now->state, now->reason)};
  if (!now->active()) seen.seen = Seen::kGone;
  if (now->state == VIR_DOMAIN_RUNNING || now->state == VIR_DOMAIN_BLOCKED) {
    seen.seen = now->reason == VIR_DOMAIN_RUNNING_POSTCOPY_FAILED ? Seen::kSplit : Seen::kRuns;
  }
  if (now->state == VIR_DOMAIN_PAUSED) {
    const bool moving = now->reason == VIR_DOMAIN_PAUSED_MIGRATION ||
                        now->reason == VIR_DOMAIN_PAUSED_STARTING_UP ||
                        now->reason == VIR_DOMAIN_PAUSED_POSTCOPY;
    seen.seen = moving ? Seen::kMoving : Seen::kPaused;
    if (now->reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED) seen.seen = Seen::kSplit;
  }
  if (now->state == VIR_DOMAIN_SHUTDOWN) seen.seen = Seen::kMoving;  // it is about to be gone
  return seen;
}

/// Daemons clear up behind a migration: they are asked until both have.
Place LibvirtSession::find_place(const std::stop_token& leave) {
  const TimePoint give_up = clock_.now() + kSettlePatience;
  const bool well = end_ && end_->well;
  while (true) {
    here_ = look(Side::kSource);
    there_ = look(Side::kDestination);
    const bool may_have_stopped = seen_.stop_us || (end_ && end_->lost);
    const Place place = place_of(here_, there_, may_have_stopped, well);
    if (place.final || clock_.now() >= give_up || leave.stop_requested()) return place;
    (void)clock_.wait_until(clock_.now() + kTick, leave);
  }
}

std::string LibvirtSession::reason_of() const {
  if (abort_ != GiveUp::kNone) return abort_reason_;
  if (seen_.shut_down) return "the guest shut itself down";
  if (seen_.status.phase == MigrationPhase::kPostcopyPaused) {
    return "post-copy's link broke: both sides hold a part of the guest";
  }
  if (!seen_.status.error.empty()) return seen_.status.error;
  return out_of_reach_ ? "a daemon can't be reached any more" : "libvirt does not say why";
}

void LibvirtSession::conclude(const Place& place, MigrationOutcome& outcome) {
  outcome.vm_runs_on = place.vm;
  const bool arrived = place.vm == VmRunsOn::kDestination;
  if (seen_.postcopy_ordered && plan_.technique.ending == Ending::kConverged) {
    outcome.technique.ending = Ending::kPostcopyAfterShare;
  }
  outcome.status = arrived                       ? OutcomeStatus::kCompleted
                   : abort_ == GiveUp::kDeadline ? OutcomeStatus::kDidNotConverge
                   : abort_ == GiveUp::kUser     ? OutcomeStatus::kCancelled
                                                 : OutcomeStatus::kFailed;
  if (!arrived) outcome.reason = reason_of();
  if (place.vm == VmRunsOn::kUnknown || !place.what_to_do.empty()) {
    outcome.remarks.push_back(fmt::format("source: {}, destination: {}; {}", here_.words,
                                          there_.words, place.what_to_do));
  }
}

void LibvirtSession::settle(MigrationOutcome& outcome, const std::stop_token& leave) {
  (void)lift_quota();
  if (call_ && !end_ && call_->end()) take_end(*call_->end());
  conclude(find_place(leave), outcome);
  const auto broken = ends_.carrier == nullptr ? std::nullopt : ends_.carrier->failure();
  if (broken && outcome.status != OutcomeStatus::kCompleted) {
    outcome.remarks.push_back("on the way to the destination: " + broken->message);
  }
  if (seen_.storage) {
    outcome.storage = StorageOutcome{};
    outcome.storage->disks = static_cast<int>(ends_.source.facts().disks.size());
    outcome.storage->mirrored = seen_.storage->done;
    if (passes_seen_) outcome.storage->ready_after = seen_.launched_at - seen_.started;
  }
}

std::optional<RunState> LibvirtSession::run_state(Side side) {
  const SideLook seen = look(side);
  if (seen.seen == Seen::kRuns) return RunState::kRunning;
  return seen.seen == Seen::kPaused ? std::optional(RunState::kPaused) : std::nullopt;
}

/// Limits are the domain's at the source: they end with it where it moved away.
void LibvirtSession::release(MigrationOutcome& outcome) {
  const bool stays = look(Side::kSource).seen != Seen::kGone;
  bool given = true;
  if (lease_ && stays) {
    const auto back = ends_.source.set_parameters(lease_->before.parameters);
    given = back.has_value();
    if (!given) {
      outcome.remarks.push_back(
          fmt::format("the domain's downtime limit is still changed: {}", back.error().message));
    }
  }
  if (!lift_quota()) {
    given = false;
    outcome.remarks.emplace_back(control::kStillLimited);
  }
  outcome.given_back = given;
  const bool nowhere = here_.seen == Seen::kGone && there_.seen == Seen::kGone;
  const bool known = outcome.vm_runs_on == VmRunsOn::kSource ||
                     outcome.vm_runs_on == VmRunsOn::kDestination || nowhere;
  if (given) lease_.reset();
  (void)note(known && given ? "done" : fmt::format("left {}", to_string(outcome.vm_runs_on)));
}

}  // namespace

std::unique_ptr<MigrationSession> make_session(Clock& clock, Ends ends) {
  return std::make_unique<LibvirtSession>(clock, std::move(ends));
}

}  // namespace godwit::libvirt_move
