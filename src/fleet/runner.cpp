#include "godwit/fleet/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "godwit/base/quantity.h"
#include "job.h"

namespace godwit::fleet {
namespace {

using Kind = Entry::Kind;
using Status = VmReport::Status;

/// How often it is looked whether a move takes too long. Events come at once.
constexpr Seconds kTick{0.2};
/// Destinations that are prepared before their turn at most: each takes memory and a process.
constexpr double kMostAhead = 4;
/// A move that failed is tried once more.
constexpr int kMostAttempts = 2;
/// What a move gets at least before it is given up. Where there is another technique to try, it is
/// tried rather soon.
constexpr Seconds kLeastPatience{120};  // as `godwit migrate` has it
constexpr Seconds kLeastPatienceBeforeAnother{30};

const Error kStopped{ErrorCode::kInterrupted, "stopped on request",
                     "run the same command again to go on"};

class Runner {
 public:
  Runner(const RunParts& parts, Situation situation, FleetPlan plan, std::string run,
         std::stop_token stop)
      : parts_(parts),
        now_(std::move(situation)),
        run_(std::move(run)),
        stop_(std::move(stop)),
        began_(parts.clock.now()) {
    for (const FleetVm& vm : now_.inventory.vms) first_places_[vm.name] = vm.host;
    outcome_.promised = plan.finish;
    take(std::move(plan));
    for (const PlannedMove& move : plan_.moves) {
      report(move.vm).promised = move.finish;  // of a detour's moves, the last one's
    }
  }

  RunOutcome run();

 private:
  // --- what there is ---
  [[nodiscard]] Seconds elapsed() const { return parts_.clock.now() - began_; }
  [[nodiscard]] const std::string& place_of(const std::string& vm) const;
  VmReport& report(const std::string& vm);
  [[nodiscard]] Job* job_of(const PlannedMove& move) const;
  [[nodiscard]] bool has_job(const std::string& vm) const;
  [[nodiscard]] static bool has_the_link(const Job& job);
  [[nodiscard]] Seconds left_of(const Job& job) const;
  [[nodiscard]] std::size_t prepared_ahead() const;
  [[nodiscard]] std::size_t most_ahead() const;
  [[nodiscard]] Seconds patience_for(const PlannedMove& move) const;
  [[nodiscard]] bool is_due(std::size_t index) const;
  [[nodiscard]] Seconds until_it_may(const PlannedMove& move) const;
  [[nodiscard]] bool waits_for_a_time() const;
  [[nodiscard]] bool has_room(const PlannedMove& move) const;
  [[nodiscard]] static bool is_apart(const PlannedMove& move, const Situation& then);
  [[nodiscard]] bool ended_early() const { return outcome_.ended_early.has_value(); }

  // --- plans ---
  void take(FleetPlan plan);
  void replan(const std::string& why);
  void keep_destination(const Job& job, Situation& then) const;
  void block(const Blocked& blocked);

  // --- steps ---
  bool step();
  bool start_what_may();
  bool unstick();
  bool begin(const PlannedMove& move);
  void grant(Job& job);
  void look_for_overruns();
  void end_early(const Error& why);
  void begin_no_more(const Error& why);
  void cancel();

  // --- events ---
  void handle(const JobEvent& event);
  void on_progress(Job& job, const control::Progress& progress);
  void stream_is_over(Job& job);
  void on_end(Job& job);
  void moved(const Job& job, const MigrationOutcome& outcome);
  [[nodiscard]] bool is_left_on_its_way(const PlannedMove& move) const;
  void unclear(const PlannedMove& move, const std::string& reason, const Remedy& what_to_do);
  void not_moved(const PlannedMove& move, const Error& why);
  void gone(const PlannedMove& move);
  void try_otherwise(const PlannedMove& move, const Error& why);

  bool write(Kind kind, const PlannedMove& move, const std::string& why = {});
  void account_for_the_rest();

  const RunParts& parts_;
  Situation now_;  ///< VMs that are under way count as at their source here
  std::string run_;
  std::stop_token stop_;
  TimePoint began_;
  FleetPlan plan_;
  TimePoint planned_at_{};  ///< when its time began
  std::vector<bool> over_;  ///< by move of the plan: it holds nobody up any more
  JobEvents events_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::map<std::string, std::string> first_places_;  ///< of VMs, when the run began
  bool waits_ = false;                               ///< something is left to begin
  bool stuck_ = false;                               ///< a plan made anew changed nothing
  bool cancelled_ = false;                           ///< what can be ended is
  std::map<std::string, int> failures_;              ///< attempts, by VM
  RunOutcome outcome_;
};

// --- what there is ---

const std::string& Runner::place_of(const std::string& vm) const {
  static const std::string kNowhere;
  const FleetVm* const found = find_vm(now_.inventory, vm);
  return found == nullptr ? kNowhere : found->host;
}

VmReport& Runner::report(const std::string& vm) {
  auto& all = outcome_.vms;
  const auto known =
      std::find_if(all.begin(), all.end(), [&vm](const VmReport& one) { return one.vm == vm; });
  if (known != all.end()) return *known;
  VmReport fresh;
  fresh.vm = vm;
  fresh.from = fresh.runs_on = place_of(vm);
  return all.emplace_back(std::move(fresh));
}

Job* Runner::job_of(const PlannedMove& move) const {
  for (const auto& job : jobs_) {
    const PlannedMove& its = job->move();
    if (!job->leaves() && its.vm == move.vm && its.to == move.to &&
        its.technique == move.technique) {
      return job.get();
    }
  }
  return nullptr;
}

bool Runner::has_job(const std::string& vm) const {
  return std::any_of(jobs_.begin(), jobs_.end(),
                     [&vm](const auto& job) { return job->move().vm == vm; });
}

/// Or will have, as soon as it is ready.
bool Runner::has_the_link(const Job& job) {
  return job.granted() && !job.streamed;
}

/// Until it leaves the link, as was planned. One that takes longer may as well take as long again:
/// what is planned beside it needs not wait for it then.
Seconds Runner::left_of(const Job& job) const {
  const Seconds planned = job.move().end - job.move().start;
  if (!job.ready_at) return planned;
  const Seconds so_far = parts_.clock.now() - std::max(*job.granted_at, *job.ready_at);
  return so_far < planned ? planned - so_far : so_far;
}

std::size_t Runner::prepared_ahead() const {
  return static_cast<std::size_t>(
      std::count_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return !job->granted(); }));
}

/// As many moves as run while one destination is prepared: that time is hidden then.
std::size_t Runner::most_ahead() const {
  Seconds all{};
  for (const PlannedMove& move : plan_.moves) all += move.longest;
  if (all <= Seconds(0)) return 1;
  const double moves = plan_.overhead / all * static_cast<double>(plan_.moves.size());
  return static_cast<std::size_t>(std::clamp(std::ceil(moves), 1.0, kMostAhead));
}

Seconds Runner::patience_for(const PlannedMove& move) const {
  const auto estimate = now_.estimates.find(move.vm);
  const auto failed = failures_.find(move.vm);
  const std::size_t tried =
      failed == failures_.end() ? 0 : static_cast<std::size_t>(failed->second);
  const bool another = estimate != now_.estimates.end() && tried + 1 < kMostAttempts &&
                       tried + 1 < estimate->second.ways.size();
  const Seconds patience =
      std::max(move.longest * kPatience, another ? kLeastPatienceBeforeAnother : kLeastPatience);
  const auto wanted = estimate == now_.estimates.end() ? std::nullopt : estimate->second.max_time;
  return wanted ? std::min(patience, *wanted) : patience;
}

/// None or less where its time has come.
Seconds Runner::until_it_may(const PlannedMove& move) const {
  return move.not_before - (parts_.clock.now() - planned_at_);
}

bool Runner::waits_for_a_time() const {
  for (std::size_t i = 0; i < plan_.moves.size(); ++i) {
    const bool open = !over_[i] && !now_.settled.contains(plan_.moves[i].vm);
    if (open && until_it_may(plan_.moves[i]) > Seconds(0)) return true;
  }
  return false;
}

bool Runner::is_due(std::size_t index) const {
  const auto& after = plan_.moves[index].after;
  const auto& after_vms = plan_.moves[index].after_vms;
  const bool waits_for_one = std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& job) {
    return has_the_link(*job) && std::count(after_vms.begin(), after_vms.end(), job->move().vm) > 0;
  });
  return !waits_for_one && until_it_may(plan_.moves[index]) <= Seconds(0) &&
         std::all_of(after.begin(), after.end(), [this](std::size_t i) { return over_[i]; });
}

/// What a host carries now, with all that is on its way there, is prepared for it, or may be there.
struct Used {
  Bytes memory;
  int vcpus = 0;
  void add(const FleetVm& vm) {
    memory += vm.memory;
    vcpus += vm.vcpus;
  }
};

/// A VM takes its room at the destination from the start of that QEMU to the end of the other one.
bool Runner::has_room(const PlannedMove& move) const {
  const FleetHost& host = now_.inventory.hosts[*host_index(now_.inventory, move.to)];
  Used at_first, now;
  for (const FleetVm& vm : now_.inventory.vms) {
    if (vm.host == host.name) now.add(vm);
  }
  for (const auto& [vm, at] : first_places_) {
    const FleetVm* const known = find_vm(now_.inventory, vm);
    if (at == host.name && known != nullptr) at_first.add(*known);
  }
  for (const auto& job : jobs_) {
    const FleetVm* const vm = find_vm(now_.inventory, job->move().vm);
    if (job->move().to == host.name && vm != nullptr) now.add(*vm);
  }
  for (const FleetVm& vm : where_else_they_may_be(now_)) {
    if (vm.host == host.name) now.add(vm);
  }
  now.add(*find_vm(now_.inventory, move.vm));
  // a host that carries more than it should may go on doing so
  return (!host.memory || now.memory <= std::max(*host.memory, at_first.memory)) &&
         (!host.vcpus || now.vcpus <= std::max(*host.vcpus, at_first.vcpus));
}

/// No other VM of its group may be at its destination.
bool Runner::is_apart(const PlannedMove& move, const Situation& then) {
  const auto& wishes = then.goal.wishes;
  const auto wish = wishes.find(move.vm);
  if (wish == wishes.end() || wish->second.apart.empty()) return true;
  const auto collides = [&](const FleetVm& other) {
    const auto its = wishes.find(other.name);
    return other.name != move.vm && other.host == move.to && its != wishes.end() &&
           its->second.apart == wish->second.apart;
  };
  const auto& known = then.inventory.vms;
  const auto elsewhere = where_else_they_may_be(then);
  return std::none_of(known.begin(), known.end(), collides) &&
         std::none_of(elsewhere.begin(), elsewhere.end(), collides);
}

// --- plans ---

void Runner::take(FleetPlan plan) {
  plan_ = std::move(plan);
  planned_at_ = parts_.clock.now();
  over_.assign(plan_.moves.size(), false);
  for (const PlannedMove& move : plan_.moves) {
    VmReport& one = report(move.vm);
    one.to = move.to;
    one.technique = move.technique;
  }
  for (const Blocked& one : plan_.blockers) block(one);
}

void Runner::block(const Blocked& blocked) {
  VmReport& one = report(blocked.vm);
  now_.settled.insert(blocked.vm);
  const bool unclear = now_.unclear.contains(blocked.vm);
  one.status = unclear ? Status::kUnclear : Status::kBlocked;
  one.runs_on = unclear ? "" : place_of(blocked.vm);
  one.reason = blocked.reason;
  one.what_to_do = blocked.what_to_do;
  PlannedMove none;
  none.vm = blocked.vm;
  none.from = place_of(blocked.vm);
  (void)write(Kind::kBlocked, none, blocked.reason);
  parts_.observer.changed(one);
}

/// What is prepared is not begun anew elsewhere for a small gain.
void Runner::keep_destination(const Job& job, Situation& then) const {
  const PlannedMove& move = job.move();
  const bool may = !job.leaves() && !then.closed.contains(move.to) &&
                   !then.settled.contains(move.vm) && is_apart(move, then);
  if (may) then.goal.bring.try_emplace(move.vm, move.to);
}

/// What is not under way is planned anew, from how it stands now.
void Runner::replan(const std::string& why) {
  if (ended_early()) return;
  Situation then = now_;
  for (auto& [vm, wish] : then.goal.wishes) {
    wish.not_before = std::max(wish.not_before - elapsed(), Seconds(0));
  }
  for (const auto& job : jobs_) {
    if (!job->granted()) {
      keep_destination(*job, then);
      continue;
    }
    then.settled.insert(job->move().vm);
    const PlannedMove& move = job->move();
    if (has_the_link(*job))
      then.under_way.push_back({move.vm, move.from, move.rate, left_of(*job)});
    for (FleetVm& vm : then.inventory.vms) {
      if (vm.name == move.vm) vm.host = move.to;
    }
  }
  then.prepared = !then.under_way.empty();
  auto plan = parts_.planner(then);
  if (!plan) return begin_no_more(plan.error().while_doing(why));
  take(std::move(*plan));
  for (const auto& job : jobs_) {
    const bool wanted =
        job->granted() || std::any_of(plan_.moves.begin(), plan_.moves.end(),
                                      [&](const auto& move) { return job_of(move) == job.get(); });
    if (!wanted) job->leave();
  }
  parts_.observer.replanned(plan_, elapsed(), why);
}

// --- steps ---

RunOutcome Runner::run() {
  while (step()) {
  }
  account_for_the_rest();
  PlannedMove none;
  (void)write(Kind::kEnded, none, outcome_.ended_early ? outcome_.ended_early->message : "");
  return std::move(outcome_);
}

/// False once nothing is under way, and nothing is left to begin.
bool Runner::step() {
  if (stop_.stop_requested() && !ended_early()) end_early(kStopped);
  if (stop_.stop_requested() && !cancelled_) cancel();
  waits_ = !ended_early() && start_what_may();
  if (jobs_.empty() && !(waits_ && waits_for_a_time())) return waits_ && unstick();
  // a stop request is seen once; from then on only events count
  const std::stop_token stop = cancelled_ ? std::stop_token() : stop_;
  if (const auto event = events_.next(kTick, stop)) handle(*event);
  if (!ended_early()) look_for_overruns();
  return true;
}

/// Nothing is under way and nothing can begin, by the plan that there is.
bool Runner::unstick() {
  if (stuck_) {
    end_early({ErrorCode::kInternal, "the plan can't be gone on with",
               "run the same command again, and please report this"});
  } else {
    stuck_ = true;
    replan("the plan could not be gone on with");
  }
  return true;
}

/// Is anything left to begin, now or later?
bool Runner::start_what_may() {
  bool waits = false;
  for (std::size_t i = 0; i < plan_.moves.size() && !ended_early(); ++i) {
    if (over_[i]) continue;
    const PlannedMove move = plan_.moves[i];
    if (now_.settled.contains(move.vm)) continue;
    Job* const job = job_of(move);
    if (job != nullptr && job->granted()) continue;
    waits = true;
    const bool due = is_due(i);
    if (job == nullptr) {
      const bool soon = until_it_may(move) <= plan_.overhead;
      const bool may = (due || (soon && prepared_ahead() < most_ahead())) && !has_job(move.vm) &&
                       place_of(move.vm) == move.from && has_room(move);
      if (may && !begin(move)) return false;
    } else if (due) {
      grant(*job);
      return true;  // there may be another plan by now
    }
  }
  return waits;
}

bool Runner::begin(const PlannedMove& move) {
  if (!write(Kind::kPreparing, move)) return false;
  VmReport& one = report(move.vm);
  one.status = Status::kPreparing;
  one.to = move.to;
  one.technique = move.technique;
  const auto estimate = now_.estimates.find(move.vm);
  MoveOrder order{move, patience_for(move),
                  estimate == now_.estimates.end() ? nullptr : &estimate->second};
  jobs_.push_back(std::make_unique<Job>(std::move(order), run_, parts_.mover, parts_.record,
                                        parts_.clock, events_));
  jobs_.back()->begin();
  stuck_ = false;
  parts_.observer.changed(one);
  return true;
}

/// Its turn has come, whether or not it is ready yet.
void Runner::grant(Job& job) {
  const PlannedMove& move = job.move();
  if (const auto open = parts_.mover.check_destination(move.vm, move.to); !open) {
    if (stop_.stop_requested()) return end_early(kStopped);
    const std::string why = fmt::format("host {} takes no VMs: {}", move.to, open.error().message);
    now_.closed[move.to] = {open.error().code, why, open.error().what_to_do};
    job.leave();
    return replan(why);
  }
  if (!write(Kind::kMoving, move)) return;
  job.go();
  VmReport& one = report(move.vm);
  if (one.status == Status::kReady) one.status = Status::kMoving;
  one.started = elapsed();
  ++one.attempts;
  parts_.observer.changed(one);
}

void Runner::look_for_overruns() {
  for (const auto& job : jobs_) {
    if (!job->granted() || !job->ready_at || job->streamed || job->overdue) continue;
    const TimePoint since = std::max(*job->granted_at, *job->ready_at);
    const Seconds longest = job->move().longest;
    if (longest <= Seconds(0) || parts_.clock.now() - since <= longest) continue;
    job->overdue = true;
    if (jobs_.size() == 1 && !waits_) return;  // nothing is left to be planned
    replan(fmt::format("VM {} takes longer than {}", job->move().vm, human(longest)));
    return;
  }
}

void Runner::end_early(const Error& why) {
  begin_no_more(why);
  cancel();
}

/// What moves goes on.
void Runner::begin_no_more(const Error& why) {
  outcome_.ended_early = why;
  for (const auto& job : jobs_) {
    if (!job->granted()) job->leave();
  }
}

void Runner::cancel() {
  cancelled_ = true;
  for (const auto& job : jobs_) {
    if (job->granted()) job->cancel();
  }
}

// --- events ---

void Runner::handle(const JobEvent& event) {
  Job& job = *event.job;
  switch (event.kind) {
    case JobEvent::Kind::kReady: {
      job.ready_at = parts_.clock.now();
      if (job.leaves()) return;
      VmReport& one = report(job.move().vm);
      one.status = job.granted() ? Status::kMoving : Status::kReady;
      parts_.observer.changed(one);
      return;
    }
    case JobEvent::Kind::kProgress:
      return on_progress(job, *event.progress);
    case JobEvent::Kind::kWarning:
      return parts_.observer.warning(fmt::format("VM {}: {}", job.move().vm, event.text));
    case JobEvent::Kind::kEnded:
      return on_end(job);
  }
}

void Runner::on_progress(Job& job, const control::Progress& progress) {
  if (is_final(progress.phase) && !job.streamed) stream_is_over(job);
  parts_.observer.on_progress(job.move().vm, progress);
}

/// The link is free, though the guest is still to be examined.
void Runner::stream_is_over(Job& job) {
  if (job.streamed) return;
  job.streamed = true;
  job.streamed_at = parts_.clock.now();
  for (std::size_t i = 0; i < plan_.moves.size(); ++i) {
    if (job_of(plan_.moves[i]) == &job) over_[i] = true;
  }
}

void Runner::on_end(Job& job) {
  stream_is_over(job);
  const auto mine = std::find_if(jobs_.begin(), jobs_.end(),
                                 [&job](const auto& one) { return one.get() == &job; });
  const std::unique_ptr<Job> ended = std::move(*mine);
  jobs_.erase(mine);
  const PlannedMove move = ended->move();
  const auto& end = ended->end();
  if (!end) {
    const bool asked_to = ended->leaves() || ended_early();
    if (end.error().code == ErrorCode::kInterrupted && asked_to) {
      const bool waits = write(Kind::kNotMoved, move, "not begun") &&
                         !now_.settled.contains(move.vm);  // else it was blocked meanwhile
      if (waits) report(move.vm).status = Status::kWaiting;
      return;
    }
    return not_moved(move, end.error());
  }
  report(move.vm).outcome = *end;
  switch (end->vm_runs_on) {
    case VmRunsOn::kDestination:
      return moved(*ended, *end);
    case VmRunsOn::kSource:
      return not_moved(move, {ErrorCode::kRefused, end->reason, ""});
    case VmRunsOn::kBothPaused:
    case VmRunsOn::kUnknown:
      return unclear(move, end->reason,
                     "run godwit recover, which says where it runs and what to do");
  }
}

void Runner::moved(const Job& job, const MigrationOutcome& outcome) {
  const PlannedMove& move = job.move();
  Entry entry;
  entry.kind = Kind::kMoved;
  entry.wall_us = parts_.clock.wall_us();
  entry.run = run_;
  entry.vm = move.vm;
  entry.from = move.from;
  entry.to = move.to;
  entry.technique = to_string(outcome.technique);
  if (job.ready_at) entry.prepared = *job.ready_at - job.begun_at;
  if (job.granted_at && job.ready_at && outcome.total_time) {
    const TimePoint since = std::max(*job.granted_at, *job.ready_at);
    entry.around = std::max(*job.streamed_at - since - *outcome.total_time, Seconds(0));
  }
  entry.after = parts_.clock.now() - *job.streamed_at;
  if (const auto kept = parts_.record.append(entry); !kept) end_early(kept.error());
  for (FleetVm& vm : now_.inventory.vms) {
    if (vm.name == move.vm) vm.host = move.to;
  }
  VmReport& one = report(move.vm);
  one.status = Status::kMoved;
  one.runs_on = move.to;
  one.finished = elapsed();
  one.reason.clear();  // of an attempt before
  one.what_to_do = {};
  outcome_.took = std::max(outcome_.took, *one.finished);
  if (outcome.status != OutcomeStatus::kCompleted) {
    one.reason = outcome.reason;
    one.what_to_do = "look at the VM; what did it harm would harm the others, too";
    end_early({ErrorCode::kRefused,
               fmt::format("VM {} is not well on host {}: {}", move.vm, move.to, outcome.reason),
               "look at the VM before the others are moved"});
  }
  parts_.observer.changed(one);
  if (is_left_on_its_way(move)) {
    replan(fmt::format("VM {} has come to host {} on its way", move.vm, move.to));
  }
}

/// It made room by a detour, and the plan that there is was made anew meanwhile, without the rest
/// of its way.
bool Runner::is_left_on_its_way(const PlannedMove& move) const {
  const auto wanted = now_.goal.bring.find(move.vm);
  if (wanted == now_.goal.bring.end() || wanted->second == move.to) return false;
  return !now_.settled.contains(move.vm) &&
         std::none_of(plan_.moves.begin(), plan_.moves.end(), [&move](const PlannedMove& other) {
           return other.vm == move.vm && other.from == move.to;
         });
}

/// It is left alone, and counts on both hosts from now on.
void Runner::unclear(const PlannedMove& move, const std::string& reason, const Remedy& what_to_do) {
  const Unclear doubt{{move.vm, reason, what_to_do}, {move.from, move.to}};
  now_.unclear[move.vm] = doubt;
  block(doubt.why);
  replan(fmt::format("it is not clear where VM {} runs", move.vm));
}

/// The VM itself says whether it is where it was.
void Runner::not_moved(const PlannedMove& move, const Error& why) {
  VmReport& one = report(move.vm);
  const auto place = parts_.mover.settle(move.vm, stop_);
  if (!place && place.error().code == ErrorCode::kNotFound) return gone(move);
  if (!place) {
    return unclear(move, fmt::format("{}; then: {}", why.message, place.error().message),
                   place.error().what_to_do);
  }
  one.runs_on = *place;
  if (!write(Kind::kNotMoved, move, why.message)) return;
  if (why.code == ErrorCode::kInterrupted || ended_early()) {
    one.status = Status::kStayed;
    one.reason = why.message;
    return parts_.observer.changed(one);
  }
  try_otherwise(move, why);
}

void Runner::gone(const PlannedMove& move) {
  (void)write(Kind::kGone, move);
  std::erase_if(now_.inventory.vms, [&move](const FleetVm& vm) { return vm.name == move.vm; });
  now_.goal.bring.erase(move.vm);
  now_.settled.insert(move.vm);
  VmReport& one = report(move.vm);
  one.status = Status::kGone;
  one.runs_on.clear();
  one.reason = "nobody listens at its monitors any more: its QEMU has ended";
  parts_.observer.changed(one);
  replan(fmt::format("VM {} is gone", move.vm));
}

void Runner::try_otherwise(const PlannedMove& move, const Error& why) {
  VmReport& one = report(move.vm);
  one.attempts = std::max(one.attempts, 1);
  const int failed = ++failures_[move.vm];
  if (why.code == ErrorCode::kBusy || failed >= kMostAttempts) {
    const std::string twice = failed >= kMostAttempts ? " (tried twice)" : "";
    block({move.vm, why.message + twice, why.what_to_do});
    return replan(fmt::format("VM {} stays: {}", move.vm, why.message));
  }
  one.status = Status::kWaiting;
  one.reason = why.message;
  ++now_.way[move.vm];
  parts_.observer.changed(one);
  replan(fmt::format("VM {} is tried once more: {}", move.vm, why.message));
}

// --- the record, and the end ---

/// Without a record nothing more is begun.
bool Runner::write(Kind kind, const PlannedMove& move, const std::string& why) {
  Entry entry;
  entry.kind = kind;
  entry.wall_us = parts_.clock.wall_us();
  entry.run = run_;
  entry.vm = move.vm;
  entry.from = move.from;
  entry.to = move.to;
  entry.why = why;
  if (!move.to.empty()) entry.technique = to_string(move.technique);
  auto kept = parts_.record.append(entry);
  if (kept) return true;
  if (!ended_early()) end_early(kept.error().while_doing("writing down what is moved"));
  return false;
}

void Runner::account_for_the_rest() {
  for (VmReport& one : outcome_.vms) {
    const bool open = one.status == Status::kWaiting || one.status == Status::kPreparing ||
                      one.status == Status::kReady || one.status == Status::kMoving;
    if (!open) continue;
    one.status = Status::kStayed;
    one.runs_on = place_of(one.vm);
    if (outcome_.ended_early) one.reason = outcome_.ended_early->message;
  }
}

}  // namespace

std::string_view to_string(VmReport::Status status) {
  switch (status) {
    case Status::kWaiting:
      return "waiting";
    case Status::kPreparing:
      return "preparing";
    case Status::kReady:
      return "ready";
    case Status::kMoving:
      return "moving";
    case Status::kMoved:
      return "moved";
    case Status::kStayed:
      return "stayed";
    case Status::kBlocked:
      return "blocked";
    case Status::kGone:
      return "gone";
    case Status::kUnclear:
      return "unclear";
  }
  return "";
}

bool RunOutcome::complete() const {
  return !ended_early && std::all_of(vms.begin(), vms.end(), [](const VmReport& one) {
    return one.status == Status::kMoved || one.status == Status::kGone;
  });
}

RunOutcome run_plan(const RunParts& parts, Situation situation, FleetPlan plan,
                    const std::string& run, std::stop_token stop) {
  return Runner(parts, std::move(situation), std::move(plan), run, std::move(stop)).run();
}

}  // namespace godwit::fleet
