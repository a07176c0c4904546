#include "godwit/control/migration_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "foresight.h"
#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "guest_exam.h"
#include "monitor.h"
#include "orders.h"
#include "outside_view.h"
#include "progress.h"

namespace godwit::control {
namespace {

using steer::Stage;
using steer::StageRules;

constexpr Seconds kFollowEvery{0.2};

constexpr const char* kBrokenForOnlookers =
    "post-copy's link broke: either side has a part of the guest, which waits for the rest. Mend "
    "the link and end neither QEMU; then whoever drives the migration goes on: by QMP "
    "migrate-recover at the destination, then migrate with resume at the source; or virsh migrate "
    "with its options postcopy and postcopy-resume (not with libvirt 11.2 or 11.3 at the "
    "destination: their daemon dies of it). It is watched meanwhile";

class MigrationRun {
 public:
  MigrationRun(Clock& clock, MigrationSession& session, const MigrationPlan& plan, steer::Law& law,
               const Onlookers& onlookers, const RunOptions& options, std::stop_token stop)
      : clock_(clock),
        session_(session),
        plan_(plan),
        law_(law),
        options_(options),
        stop_request_(std::move(stop)),
        monitor_(clock, session),
        orders_(session, plan,
                options.observe_only ? Obedience::kObserveOnly : Obedience::kCarryOut),
        foresight_(options.known),
        outside_(onlookers.probe, onlookers.wire),
        exam_(clock, onlookers.check, onlookers.probe) {}

  Result<MigrationOutcome> run();

 private:
  // --- the way there ---
  Result<void> begin();
  Result<void> prepare();

  // --- while it runs ---
  void watch();
  [[nodiscard]] bool over();
  [[nodiscard]] bool left();
  void steer(bool round_ended);
  [[nodiscard]] steer::RoundView round_view() const;
  void mind_link();
  void mend_link();
  void say_broken();
  void note_mended();
  [[nodiscard]] bool mends();
  void abort_when_due();
  void give_up(GiveUp why, const std::string& reason);
  [[nodiscard]] std::string dead_link_reason() const;
  void report();
  void warn(const std::string& text) const;
  void tell_events(const Progress& now, const std::vector<RoundRecord>& rounds);

  // --- the end ---
  void settle();
  void examine();
  void follow();
  void look_from_outside();
  void take_remarks();
  void measure();
  void measure_times();

  [[nodiscard]] const SessionView& view() const { return session_.view(); }

  Clock& clock_;
  MigrationSession& session_;
  const MigrationPlan& plan_;
  steer::Law& law_;
  steer::AsPlanned planned_;  ///< whatever the law: a hybrid plan's switch to post-copy
  const RunOptions& options_;
  std::stop_token stop_request_;
  Monitor monitor_;
  Orders orders_;
  Foresight foresight_;
  OutsideView outside_;
  GuestExam exam_;
  MigrationOutcome outcome_;
  bool given_up_ = false;
  bool standstill_said_ = false;
  std::optional<TimePoint> broken_since_;  ///< of post-copy's link
  std::size_t rounds_told_ = 0;
  std::size_t orders_told_ = 0;
};

Result<MigrationOutcome> MigrationRun::run() {
  if (auto begun = begin(); !begun) {
    outcome_.vm_runs_on = VmRunsOn::kSource;
    session_.release(outcome_);
    Error why = std::move(begun).error();
    if (outcome_.given_back == false) {
      why.what_to_do += fmt::format("{}settings are still changed: godwit recover gives them back",
                                    why.what_to_do.empty() ? "" : "; ");
    }
    return fail(std::move(why));
  }
  watch();
  if (left()) {
    take_remarks();
    session_.leave(outcome_);
    measure();
    return outcome_;
  }
  settle();
  examine();
  follow();
  session_.release(outcome_);
  measure();
  return outcome_;
}

// --- the way there ---

Result<void> MigrationRun::begin() {
  outcome_.technique = plan_.technique;
  outcome_.requested = options_.requested;
  outcome_.parameters = plan_.parameters;
  GODWIT_CHECK_OK(prepare());
  GODWIT_CHECK_OK(session_.start());
  outcome_.started_wall_us = view().started_wall_us;
  return {};
}

/// Everything that can fail without touching the guest.
Result<void> MigrationRun::prepare() {
  MigrationPlan carried_out = plan_;
  // A law that only observes shall find the hypervisor as it would be without it.
  if (options_.observe_only) carried_out.may_end_by_postcopy = false;
  GODWIT_CHECK_OK(session_.prepare(carried_out));
  if (!view().paused_as) {
    GODWIT_CHECK_OK(outside_.start_probe());
    exam_.before();
  }
  const bool has_turn = !options_.await_turn || options_.await_turn();
  exam_.mark();
  if (!has_turn || stop_request_.stop_requested()) {
    return fail(ErrorCode::kInterrupted, "interrupted before the migration began",
                "the VM was not touched; run the command again");
  }
  outside_.mark_wire();
  return {};
}

// --- while it runs ---

void MigrationRun::watch() {
  while (!over() && !left()) {
    const bool round_ended = monitor_.look(clock_.now() + law_.look_every());
    steer(round_ended);
    abort_when_due();
    mend_link();  // first: what a link has just been mended after counts as it stood
    mind_link();
    report();
  }
}

bool MigrationRun::over() {
  if (mends()) return false;
  if (monitor_.over()) return true;
  return options_.longest_silence && session_.liveness().silent_for > *options_.longest_silence;
}

/// Somebody waits no longer, and nothing can be cancelled. A cancel that is under way ends in a
/// moment, unless the source has fallen silent.
bool MigrationRun::left() {
  if (session_.only_watches()) return stop_request_.stop_requested();
  const Stage now = monitor_.stage();
  if (!options_.leave.stop_requested() || monitor_.rules().may_cancel || now == Stage::kOver) {
    return false;
  }
  return now != Stage::kCancelling || session_.liveness().silent_for >= kSayStandstill;
}

steer::RoundView MigrationRun::round_view() const {
  return {plan_,
          view(),
          monitor_.stage(),
          monitor_.rounds(),
          monitor_.passes(),
          monitor_.elapsed(),
          orders_.limits(),
          orders_.may_switch_to_postcopy(monitor_),
          orders_.may_slow_down(),
          view().cpu_quota};
}

/// Shows the law what there is, and carries out what it orders; then what the plan itself wants.
void MigrationRun::steer(bool round_ended) {
  const StageRules& rules = monitor_.rules();
  const bool may_order = rules.may_cancel || rules.may_change_limits || rules.may_start_postcopy;
  if (given_up_ || !view().launched || !may_order) return;
  const steer::RoundView seen = round_view();
  Order order;
  if (round_ended) order = law_.after_round(seen);
  if (!order.wants_something()) order = law_.at_look(seen);
  if (order.wants_something()) {
    const bool ends = order.give_up && !options_.observe_only && monitor_.rules().may_cancel;
    if (ends) give_up(GiveUp::kLaw, order.why);
    orders_.carry_out(order, monitor_);
    if (!options_.observe_only) return;
  }
  const Order planned = planned_.at_look(seen);
  if (planned.wants_something()) orders_.carry_out_plan(planned, monitor_);
}

/// A link that is dead in post-copy keeps the guest waiting: that is said within seconds, and then
/// the connection is given up, so that the guest can be recovered over another one.
void MigrationRun::mind_link() {
  if (monitor_.stage() != Stage::kPostcopy) return;
  const Seconds standstill = monitor_.standstill();
  if (standstill < kSayStandstill) {
    standstill_said_ = false;
    return;
  }
  outcome_.postcopy_standstill =
      std::max(standstill, outcome_.postcopy_standstill.value_or(Seconds(0)));
  if (!standstill_said_) {
    standstill_said_ = true;
    warn(fmt::format("post-copy's link has carried nothing for {}: the guest waits for its memory",
                     human(kSayStandstill)));
  }
  if (standstill > *monitor_.rules().longest_standstill) session_.give_link_up();
}

/// A broken post-copy is not given up yet.
bool MigrationRun::mends() {
  if (!monitor_.rules().may_mend || session_.only_watches()) return false;
  const Liveness source = session_.liveness();
  const bool heard = !source.ended && !source.out_of_reach &&
                     source.silent_for <= monitor_.rules().longest_silence;
  if (!heard || session_.exhausted() || stop_request_.stop_requested()) return false;
  return clock_.now() - broken_since_.value_or(clock_.now()) < options_.mend_for;
}

void MigrationRun::mend_link() {
  if (!monitor_.rules().may_mend) {
    const bool goes_on = broken_since_ && monitor_.stage() != Stage::kCancelling;
    if (goes_on) note_mended();
    return;
  }
  if (!broken_since_) {
    broken_since_ = clock_.now();
    say_broken();
  }
  if (mends()) session_.mend_link();
}

void MigrationRun::say_broken() {
  if (session_.only_watches()) return warn(kBrokenForOnlookers);
  if (!mends()) return;
  warn(
      fmt::format("post-copy's link broke, and either side has a part of the guest: going on over "
                  "it is tried for {} (Ctrl-C ends the trying)",
                  human(options_.mend_for)));
}

void MigrationRun::note_mended() {
  const Seconds broken = clock_.now() - *std::exchange(broken_since_, std::nullopt);
  // A link that was given up had carried nothing for a while before.
  const Seconds stood =
      standstill_said_ ? outcome_.postcopy_standstill.value_or(Seconds(0)) : Seconds(0);
  standstill_said_ = false;
  outcome_.postcopy_standstill =
      std::max(stood + broken, outcome_.postcopy_standstill.value_or(Seconds(0)));
  // Who watches may have come when it was broken already.
  const char* const seen =
      session_.only_watches() ? "was seen broken, and mended after" : "broke and was mended after";
  outcome_.remarks.push_back(
      fmt::format("post-copy's link {} {}; meanwhile the guest waited for what it needed of the "
                  "source",
                  seen, human(broken)));
}

std::string MigrationRun::dead_link_reason() const {
  const Seconds patience = *monitor_.rules().longest_standstill;
  if (view().launched && view().status.transferred.value_or(Bytes()) == Bytes()) {
    return fmt::format(
        "no connection to {} came about within {}: look for a firewall, and whether "
        "the address leads to the destination's host",
        view().stream, human(patience));
  }
  return fmt::format("the link carried nothing for {}", human(patience));
}

void MigrationRun::abort_when_due() {
  if (given_up_ || view().gave_up_at || session_.only_watches()) return;
  const StageRules& rules = monitor_.rules();
  if (rules.dead_link == StageRules::DeadLink::kCancel &&
      monitor_.standstill() > *rules.longest_standstill) {
    return give_up(GiveUp::kDeadLink, dead_link_reason());
  }
  if (!rules.may_cancel) return;
  if (stop_request_.stop_requested()) return give_up(GiveUp::kUser, "cancelled on request");
  if (view().shut_down) return give_up(GiveUp::kGuestShutDown, "the guest shut itself down");
  if (view().held_back && view().storage && !view().storage->failure.empty()) {
    return give_up(GiveUp::kStorage, view().storage->failure);
  }
  if (plan_.max_time && monitor_.elapsed() > *plan_.max_time) {
    give_up(GiveUp::kDeadline,
            fmt::format("it did not converge within {}", human(*plan_.max_time)));
  }
}

void MigrationRun::give_up(GiveUp why, const std::string& reason) {
  given_up_ = session_.cancel(why, reason);
}

/// Says what is expected now, and what has happened since it was said before.
void MigrationRun::report() {
  foresight_.look(round_view(), orders_.carried_out());
  const Progress now = progress_of(monitor_, session_.liveness(), foresight_.now());
  if (options_.on_event) {
    std::vector<RoundRecord> rounds = monitor_.rounds();
    foresight_.put_into(rounds);
    tell_events(now, rounds);
  }
  if (options_.on_progress) options_.on_progress(now);
}

void MigrationRun::warn(const std::string& text) const {
  if (options_.on_warning) return options_.on_warning(text);
  log::warning("{}", text);
}

void MigrationRun::tell_events(const Progress& now, const std::vector<RoundRecord>& rounds) {
  for (; rounds_told_ < rounds.size(); ++rounds_told_) {
    options_.on_event({now, &rounds[rounds_told_], nullptr});
  }
  for (; orders_told_ < orders_.applied().size(); ++orders_told_) {
    options_.on_event({now, nullptr, &orders_.applied()[orders_told_]});
  }
}

// --- the end ---

void MigrationRun::settle() {
  take_remarks();
  if (broken_since_) {
    const std::string broken = human(clock_.now() - *broken_since_);
    outcome_.remarks.push_back(
        session_.only_watches()
            ? fmt::format("post-copy's link was seen broken for {}, and not mended", broken)
            : fmt::format("post-copy's link broke, and going on over it was tried for {}", broken));
  }
  session_.settle(outcome_, options_.leave);
  take_remarks();
}

void MigrationRun::take_remarks() {
  for (std::string& remark : session_.take_remarks()) {
    outcome_.remarks.push_back(std::move(remark));
  }
}

void MigrationRun::examine() {
  const bool there = outcome_.vm_runs_on == VmRunsOn::kDestination;
  if (!there && outcome_.vm_runs_on != VmRunsOn::kSource) {
    outcome_.guest.evidence = "not examined";
    return;
  }
  if (view().shut_down || view().shut_down_there) {
    outcome_.guest.alive = false;
    outcome_.guest.evidence = "it shut itself down";
    return;
  }
  const Side side = there ? Side::kDestination : Side::kSource;
  if (const auto state = session_.run_state(side); state && *state != RunState::kRunning) {
    outcome_.guest.evidence = fmt::format("it stands still ({})", to_string(*state));
    return;
  }
  outcome_.guest = exam_.after(
      side, there ? view().resume_us.value_or(outcome_.started_wall_us) : clock_.wall_us());
  if (there && !outcome_.guest.alive) look_from_outside();
  if (there && outcome_.guest.alive == false && outcome_.status == OutcomeStatus::kCompleted) {
    outcome_.status = OutcomeStatus::kFailed;
    outcome_.reason = "the guest is not well on the destination: " + outcome_.guest.evidence;
  }
}

/// Until all of the guest's disks have come after it, or somebody waits no longer.
void MigrationRun::follow() {
  while (!stop_request_.stop_requested() && !options_.leave.stop_requested() &&
         session_.follow_rest(clock_.now() + kFollowEvery)) {
    report();
  }
  take_remarks();
}

/// Nobody can look inside.
void MigrationRun::look_from_outside() {
  const auto dead = session_.why_dead(Side::kDestination);
  take_remarks();
  if (!dead) return;
  outcome_.guest.alive = false;
  outcome_.guest.evidence = *dead;
}

/// Of the whole: what the hypervisor says is of memory's part, which disks come before.
void MigrationRun::measure_times() {
  const SessionView& seen = view();
  if (!seen.launched) {
    if (seen.gave_up_at) outcome_.total_time = *seen.gave_up_at - seen.started;
    return;
  }
  const Seconds before = plan_.technique.storage ? seen.launched_at - seen.started : Seconds(0);
  monitor_.finish();
  outcome_.rounds = monitor_.rounds();
  foresight_.put_into(outcome_.rounds);
  for (RoundRecord& round : outcome_.rounds) round.started += before;
  if (!seen.status.total_time || !is_final(seen.status.phase)) return;
  outcome_.total_time = before + *seen.status.total_time;
  if (outcome_.rounds.empty()) return;
  // The last round ends with the migration, not when Godwit has looked at everything.
  RoundRecord& last = outcome_.rounds.back();
  last.duration = std::max(*outcome_.total_time - last.started, Seconds(0));
}

void MigrationRun::measure() {
  const SessionView& seen = view();
  measure_times();
  outcome_.orders = orders_.applied();
  if (options_.on_event) {
    foresight_.look(round_view(), orders_.carried_out());
    tell_events(progress_of(monitor_, session_.liveness(), foresight_.now()), outcome_.rounds);
  }
  if (!outcome_.transferred.qemu) outcome_.transferred.qemu = seen.status.transferred;
  if (outcome_.status == OutcomeStatus::kCompleted) {
    outcome_.downtime.qemu = seen.status.downtime;
    if (seen.stop_us && seen.resume_us) {
      outcome_.downtime.events =
          Seconds(static_cast<double>(*seen.resume_us - *seen.stop_us) * 1e-6);
    }
  }
  outcome_.transferred.wire = outside_.sent();
  outcome_.downtime.probe = outside_.outage();
}

}  // namespace

Result<MigrationOutcome> run_migration(Clock& clock, MigrationSession& session,
                                       const MigrationPlan& plan, steer::Law& law,
                                       const Onlookers& onlookers, const RunOptions& options,
                                       std::stop_token stop) {
  return MigrationRun(clock, session, plan, law, onlookers, options, std::move(stop)).run();
}

}  // namespace godwit::control
