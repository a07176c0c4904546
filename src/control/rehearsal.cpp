#include "godwit/control/rehearsal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/domain/tcg_rule.h"
#include "journal_step.h"
#include "passes.h"
#include "settings_lease.h"
#include "stage.h"
#include "watched_side.h"

namespace godwit::control {
namespace {

constexpr Seconds kTick{0.01};
/// QEMU knows no threshold for a switchover before its first slice of 100 ms is over, and takes
/// "nothing left" for "done" until then. A first pass must not end by then: so it creeps at first.
constexpr BytesPerSecond kCreep{100e3};
/// More than any core can scan and copy: no limit.
constexpr BytesPerSecond kFullSpeed{10e9};
/// QEMU counts in tenths of a second and takes 0 for no limit.
constexpr BytesPerSecond kSlowest{100};
/// The least limit, and a threshold of five pages: a limit of 0 would skip the exact sync.
constexpr Seconds kDowntimeLimit{0.001};
constexpr BytesPerSecond kSwitchoverBandwidth{20e6};
/// Zero pages cost QEMU 9 bytes, others a page and 8.
constexpr std::int64_t kPageHeader = 8;
constexpr double kZeroPage = 9;
/// A pass this much longer than wanted is let go.
constexpr double kOverdue = 1.5;
/// A window is measured by a pass of at least this share of it.
constexpr double kLongEnough = 0.6;
/// Without one for this many times the window, none will come.
constexpr double kPatienceInWindows = 2;
constexpr Seconds kPatienceBesides{0.5};
/// Shorter passes are what QEMU sent before it could be told to slow down.
constexpr Seconds kShortestPass{0.04};
constexpr Seconds kShortestWindow{0.05};
constexpr Seconds kLongestWindow{60};
constexpr Seconds kCancelPatience{30};
constexpr Seconds kCancelAgain{1};
constexpr Seconds kRunPatience{15};
constexpr Seconds kMonitorPatience{20};
constexpr Seconds kGiveBackPatience{10};

constexpr const char* kBlindSpot =
    "the guest was slower than usual while it was measured: QEMU traps the first write to each "
    "page in a pass, and the first pass took CPU and memory bandwidth from it; undisturbed it may "
    "write more";

enum class Ending {
  kNone,
  kDone,
  kUser,
  kDeadline,
  kQuiet,  ///< passes can't be made any longer
  kNothingLeft,
  kPaused,  ///< by somebody else
  kSilent,
};

CapabilitySet other_techniques() {
  return {Capability::kAutoConverge, Capability::kXbzrle,      Capability::kCompress,
          Capability::kMultifd,      Capability::kPostcopyRam, Capability::kPostcopyPreempt};
}

Result<void> check(const RehearsalOptions& options) {
  Seconds before{};
  for (const Seconds window : options.windows) {
    if (window <= before || window < kShortestWindow || window > kLongestWindow) {
      return fail(ErrorCode::kBadInput, "a rehearsal's windows must ascend from 50 ms to a minute");
    }
    before = window;
  }
  if (options.windows.empty() || options.deadline <= Seconds(0)) {
    return fail(ErrorCode::kBadInput, "a rehearsal needs windows and a deadline");
  }
  return {};
}

Result<void> check(const VmDescription& vm, const MigrationStatus& status) {
  if (status.phase != MigrationPhase::kNone && !is_final(status.phase)) {
    return fail(ErrorCode::kBusy,
                fmt::format("the VM is already migrating (phase {})", to_string(status.phase)),
                "wait for that migration to end, or cancel it with the tool that started it");
  }
  if (vm.state != RunState::kRunning) {
    return fail(ErrorCode::kBadInput,
                fmt::format("the VM is not running (state {})", to_string(vm.state)),
                "only a running guest dirties memory: let it run (QMP: cont)");
  }
  GODWIT_CHECK_OK(refuse_unsafe(vm));
  for (const Capability needed : {Capability::kEvents, Capability::kPauseBeforeSwitchover}) {
    if (vm.can.contains(needed)) continue;
    return fail(ErrorCode::kUnsupported,
                fmt::format("QEMU {} lacks the migration capability {}, without which a rehearsal "
                            "is not safe",
                            vm.version, to_string(needed)),
                {"profile the VM without ", Setting::kRehearse});
  }
  return {};
}

class RehearsalRun {
 public:
  RehearsalRun(Clock& clock, Hypervisor& source, const RehearsalOptions& options,
               std::stop_token stop)
      : clock_(clock),
        source_(source),
        options_(options),
        stop_(std::move(stop)),
        side_(clock, source),
        settings_(source) {}

  Result<Rehearsal> run();

 private:
  Result<void> begin();
  Result<void> borrow(const VmDescription& vm);
  Result<void> launch();
  void watch();
  void end_when_due();

  bool take_event(TimePoint deadline);
  void take_events();
  void take_stop(std::int64_t wall_us);
  void take_resume(std::int64_t wall_us);
  void poll();
  void take_mark();
  void take_pass(const Pass& pass);
  void steer();
  void steer_new_pass();
  void hurry();
  [[nodiscard]] double bytes_per_page() const;
  void set_rate(BytesPerSecond rate);

  void end();
  void cancel();
  void await_running();
  [[nodiscard]] bool gone() { return side_.ended() || side_.out_of_reach(); }
  [[nodiscard]] bool over() { return gone() || is_final(status_.phase); }
  [[nodiscard]] std::optional<std::string> why_early() const;
  Result<Rehearsal> verdict();
  Result<void> verdict_on_the_guest();
  Error nothing_measured() const;
  Result<void> note(std::string_view step);

  /// What is known for certain right after a sync.
  struct Mark {
    std::int64_t pass = 0;
    std::int64_t wall_us = 0;
    /// All that was ever to be sent: what was sent and what remains. It only grows at syncs, by
    /// what was found dirty, so it doesn't matter how far the pass got when QEMU was asked.
    PageCount ever_dirty;
  };

  Clock& clock_;
  Hypervisor& source_;
  const RehearsalOptions& options_;
  std::stop_token stop_;
  WatchedSide side_;
  SettingsLease settings_;

  MigrationStatus status_;
  HypervisorEvent last_pass_;
  std::optional<Mark> mark_;
  std::vector<Pass> passes_;
  std::optional<Pass> first_;
  std::size_t next_ = 0;  ///< window that the current pass shall fill
  Ending ending_ = Ending::kNone;

  bool at_full_speed_ = false;
  bool hurried_ = false;
  std::int64_t steered_pass_ = 1;
  PageCount sent_before_;  ///< when the current pass was steered
  Bytes transferred_before_;
  TimePoint pass_began_{};
  TimePoint last_success_{};

  bool noted_ = false;
  bool given_back_ = false;
  std::optional<RunState> state_;  ///< at the end
  std::optional<std::int64_t> stop_us_;
  Seconds longest_stop_{};
  TimePoint started_{};
  TimePoint last_answer_{};
};

Result<Rehearsal> RehearsalRun::run() {
  started_ = last_answer_ = clock_.now();
  if (auto begun = begin(); !begun) {
    (void)note(settings_.give_back() ? "done" : "left");
    return fail(std::move(begun).error());
  }
  watch();
  end();
  // Until it is over QEMU takes no capabilities, and with its speed back it would go on.
  given_back_ = side_.ended() || (is_final(status_.phase) && side_.reach(kGiveBackPatience) &&
                                  settings_.give_back());
  if (!given_back_) settings_.leave();
  // What is not done stays in the journal: a successor has to look at it.
  (void)note(given_back_ ? "done" : "left");
  return verdict();
}

// --- the start ---

Result<void> RehearsalRun::begin() {
  GODWIT_CHECK_OK(check(options_));
  GODWIT_TRY(const VmDescription vm, source_.describe());
  GODWIT_TRY(const MigrationStatus status, source_.migration_status());
  GODWIT_CHECK_OK(check(vm, status));
  GODWIT_CHECK_OK(borrow(vm));
  if (stop_.stop_requested()) {
    return fail(ErrorCode::kInterrupted, "interrupted before the rehearsal began",
                "the VM was not touched; run the command again");
  }
  return launch();
}

Result<void> RehearsalRun::borrow(const VmDescription& vm) {
  GODWIT_TRY(const MigrationParameters before, source_.parameters());
  Settings settings;
  settings.on = {Capability::kEvents, Capability::kPauseBeforeSwitchover};
  settings.off = other_techniques();
  if (vm.can.contains(Capability::kSwitchoverAck) && vm.can.contains(Capability::kReturnPath)) {
    // The sink never says that it is ready, so QEMU never even stops the guest.
    settings.on.insert({Capability::kSwitchoverAck, Capability::kReturnPath});
  }
  settings.parameters.max_bandwidth = kCreep;
  settings.parameters.downtime_limit = kDowntimeLimit;
  if (before.avail_switchover_bandwidth) {
    settings.parameters.avail_switchover_bandwidth = kSwitchoverBandwidth;
  }
  GODWIT_CHECK_OK(settings_.plan(settings));
  if (const auto written = note("rehearsing"); !written) {
    return fail(
        written.error().while_doing("nothing was started, as the journal can't be written"));
  }
  return settings_.take();
}

Result<void> RehearsalRun::launch() {
  const auto accepted = source_.migrate_to_sink();
  if (accepted) return {};
  const ErrorCode why = accepted.error().code;
  if (why == ErrorCode::kTimeout || why == ErrorCode::kProtocol) {
    // No answer is no refusal: a stuck QEMU may still carry the command out, so it is watched.
    log::warning("migrate: {}", accepted.error().message);
    return {};
  }
  if (why == ErrorCode::kPeerGone) return fail(accepted.error());
  return fail(ErrorCode::kUnsupported,
              fmt::format("this VM cannot be rehearsed: {}", accepted.error().message),
              {"profile it without ", Setting::kRehearse, "; it runs on as before"});
}

// --- while it runs ---

void RehearsalRun::watch() {
  while (!over() && ending_ == Ending::kNone) {
    take_events();
    poll();
    take_mark();
    steer();
    end_when_due();
  }
}

void RehearsalRun::end_when_due() {
  const TimePoint now = clock_.now();
  const bool measuring = status_.dirty_sync_count.value_or(0) > 1;
  if (next_ == options_.windows.size()) {
    ending_ = Ending::kDone;
  } else if (stop_.stop_requested()) {
    ending_ = Ending::kUser;
  } else if (ending_ != Ending::kNone) {
    return;  // somebody paused the guest
  } else if (status_.phase == MigrationPhase::kPreSwitchover) {
    ending_ = Ending::kNothingLeft;
  } else if (now - last_answer_ > kMonitorPatience) {
    ending_ = Ending::kSilent;
  } else if (now - started_ > options_.deadline) {
    ending_ = Ending::kDeadline;
  } else if (measuring && now - last_success_ >
                              kPatienceInWindows * options_.windows[next_] + kPatienceBesides) {
    ending_ = Ending::kQuiet;
  }
}

/// False when none came by the deadline.
bool RehearsalRun::take_event(TimePoint deadline) {
  const auto event = side_.next_event(deadline);
  if (!event) return false;
  if (event->kind == HypervisorEvent::Kind::kPass) last_pass_ = *event;
  if (event->kind == HypervisorEvent::Kind::kStop) take_stop(event->wall_us);
  if (event->kind == HypervisorEvent::Kind::kResume) take_resume(event->wall_us);
  return true;
}

/// A guest that dirties next to nothing makes QEMU sync thousands of times a second until it is
/// slowed down; so what waits is taken at once, but not for ever.
void RehearsalRun::take_events() {
  constexpr int kMost = 1000;
  bool more = take_event(clock_.now() + kTick);
  for (int i = 0; more && i < kMost; ++i) more = take_event(clock_.now());
}

void RehearsalRun::take_stop(std::int64_t wall_us) {
  stop_us_ = wall_us;
  if (side_.run_state() == RunState::kPaused) ending_ = Ending::kPaused;
}

void RehearsalRun::take_resume(std::int64_t wall_us) {
  if (!stop_us_) return;
  const Seconds stopped(static_cast<double>(wall_us - *stop_us_) * 1e-6);
  longest_stop_ = std::max(longest_stop_, stopped);
  stop_us_.reset();
}

void RehearsalRun::poll() {
  auto status = side_.migration_status();
  if (!status) return;
  last_answer_ = clock_.now();
  status_ = std::move(*status);
}

PageCount pages_sent(const MigrationStatus& status) {
  return status.normal_pages.value_or(PageCount()) + status.zero_pages.value_or(PageCount());
}
PageSize page_size(const MigrationStatus& status) {
  constexpr std::int64_t kUsual = 4096;
  const std::int64_t said = status.page_size.value_or(Bytes(kUsual)).count();
  const bool power_of_two = said > 0 && (said & (said - 1)) == 0;
  return PageSize(power_of_two ? said : kUsual);
}

/// Two marks at consecutive syncs make a pass. Where QEMU synced again before it could be asked,
/// what was dirtied in which of the passes is not known, and none is noted.
void RehearsalRun::take_mark() {
  if (!status_.remaining || !status_.dirty_sync_count) return;
  if (last_pass_.pass != *status_.dirty_sync_count) return;
  if (mark_ && mark_->pass == last_pass_.pass) return;
  const PageSize page = page_size(status_);
  const Mark now{last_pass_.pass, last_pass_.wall_us,
                 pages_sent(status_) + page.pages_for(*status_.remaining)};
  if (mark_ && mark_->pass + 1 == now.pass) {
    const Seconds window(static_cast<double>(now.wall_us - mark_->wall_us) * 1e-6);
    const Bytes dirtied = page.bytes_of(std::max(now.ever_dirty - mark_->ever_dirty, PageCount()));
    take_pass({window, std::min(dirtied, status_.total.value_or(dirtied))});
  }
  mark_ = now;
}

void RehearsalRun::take_pass(const Pass& pass) {
  log::debug("pass {}: {} dirtied within {}", last_pass_.pass - 1, human(pass.dirtied),
             human(pass.window));
  if (last_pass_.pass == 2) {
    first_ = pass;  // all memory: not comparable, see verdict()
    return;
  }
  if (pass.window < kShortestPass) return;
  passes_.push_back(pass);
  if (next_ < options_.windows.size() && pass.window >= kLongEnough * options_.windows[next_]) {
    ++next_;
    last_success_ = clock_.now();
  }
  if (options_.on_progress) {
    options_.on_progress(
        Ratio(static_cast<double>(next_) / static_cast<double>(options_.windows.size())));
  }
}

// --- how fast ---

void RehearsalRun::steer() {
  if (status_.phase != MigrationPhase::kActive || next_ == options_.windows.size()) return;
  const std::int64_t pass = status_.dirty_sync_count.value_or(0);
  if (pass > steered_pass_) {
    if (steered_pass_ == 1) last_success_ = clock_.now();
    steered_pass_ = pass;
    steer_new_pass();
  } else if (pass == 1 && !at_full_speed_ && status_.throughput) {
    at_full_speed_ = true;  // it measures its throughput and sets the threshold in one go
    set_rate(kFullSpeed);
  } else if (pass > 1 && !hurried_ &&
             clock_.now() - pass_began_ > kOverdue * options_.windows[next_]) {
    hurry();
  }
}

/// A pass lasts as long as it takes to send what is dirty.
void RehearsalRun::steer_new_pass() {
  const double per_page = bytes_per_page();
  const auto pages = page_size(status_).pages_for(status_.remaining.value_or(Bytes())).count();
  pass_began_ = clock_.now();
  hurried_ = false;
  sent_before_ = pages_sent(status_);
  transferred_before_ = status_.transferred.value_or(Bytes());
  set_rate(BytesPerSecond(static_cast<double>(pages) * per_page / options_.windows[next_].count()));
}

/// As it was in the pass before; the first one mixes what the guest writes with all the rest.
double RehearsalRun::bytes_per_page() const {
  const double page = page_size(status_).bytes().as_double();
  const std::int64_t sent = (pages_sent(status_) - sent_before_).count();
  if (sent_before_ == PageCount() || sent <= 0) return page + kPageHeader;
  const Bytes bytes = status_.transferred.value_or(Bytes()) - transferred_before_;
  return std::clamp(bytes.as_double() / static_cast<double>(sent), kZeroPage, page + kPageHeader);
}

/// Its pages are dearer than those of the pass before.
void RehearsalRun::hurry() {
  hurried_ = true;
  set_rate(kFullSpeed);
}

void RehearsalRun::set_rate(BytesPerSecond rate) {
  MigrationParameters parameters;
  parameters.max_bandwidth = std::clamp(rate, kSlowest, kFullSpeed);
  if (const auto set = source_.set_parameters(parameters); !set) {
    log::debug("max-bandwidth could not be set: {}", set.error().message);
  }
}

// --- the end ---

void RehearsalRun::end() {
  if (!over()) cancel();
  await_running();
  while (take_event(clock_.now())) {
  }
  if (stop_us_) take_resume(clock_.wall_us());
}

void RehearsalRun::cancel() {
  const TimePoint give_up = clock_.now() + kCancelPatience;
  TimePoint again = clock_.now();
  while (!over() && clock_.now() < give_up) {
    if (clock_.now() >= again) {
      again = clock_.now() + kCancelAgain;
      if (const auto done = side_.order(&Hypervisor::cancel); !done) {
        log::debug("migrate_cancel: {}", done.error().message);
      }
    }
    (void)take_event(clock_.now() + kTick);
    poll();
  }
}

/// QEMU lets the guest run a moment after it says that the migration is over. Where it does not,
/// the guest is told to: nobody else has it, as the stream went nowhere.
void RehearsalRun::await_running() {
  const TimePoint give_up = clock_.now() + kRunPatience;
  state_ = side_.run_state();
  while (!gone() && over() && (!state_ || state_ == RunState::kFinishMigrate) &&
         clock_.now() < give_up) {
    (void)take_event(clock_.now() + kTick);
    state_ = side_.run_state();
  }
  if (!over() || !stopped_by_migration(state_)) return;
  if (const auto resumed = side_.order(&Hypervisor::resume); !resumed) {
    log::warning("cont failed: {}", resumed.error().message);
  }
  state_ = side_.run_state();
}

std::optional<std::string> RehearsalRun::why_early() const {
  switch (ending_) {
    case Ending::kDeadline:
      return fmt::format("its deadline of {} came", human(options_.deadline));
    case Ending::kQuiet:
    case Ending::kNothingLeft:
      return "the guest dirties so little that QEMU sends it at once: longer passes cannot be made";
    case Ending::kPaused:
      return "somebody paused the VM";
    case Ending::kSilent:
      return "the monitor did not answer";
    case Ending::kNone:
      return fmt::format("QEMU gave up: {}", status_.error.empty() ? "no reason" : status_.error);
    case Ending::kUser:
    case Ending::kDone:
      return std::nullopt;
  }
  return std::nullopt;
}

Result<void> RehearsalRun::verdict_on_the_guest() {
  if (side_.ended()) {
    return fail(ErrorCode::kPeerGone, "the VM's QEMU ended during the rehearsal, its guest with it",
                "look into QEMU's log for the reason");
  }
  if (!given_back_) {
    return fail(ErrorCode::kTimeout,
                fmt::format("the rehearsal {} (phase {}, the VM is {}); its settings are not given "
                            "back",
                            side_.connected() ? "could not be cancelled" : "was lost sight of",
                            to_string(status_.phase), state_ ? to_string(*state_) : "silent"),
                "QEMU ends it by itself now that its stream has no reader; make sure that the "
                "guest runs (QMP: query-status, else migrate_cancel), then run godwit recover, "
                "which gives the settings back");
  }
  if (state_ != RunState::kRunning) {
    return fail(ErrorCode::kRefused,
                fmt::format("the VM does not run after the rehearsal (state {})",
                            state_ ? to_string(*state_) : "unknown"),
                ending_ == Ending::kPaused ? "somebody paused it: let it run again with QMP cont"
                                           : "let it run with QMP cont");
  }
  return {};
}

Error RehearsalRun::nothing_measured() const {
  const ErrorCode code = ending_ == Ending::kNone ? ErrorCode::kRefused : ErrorCode::kTimeout;
  return {code,
          fmt::format("the rehearsal measured nothing: {}", why_early().value_or("no pass ended")),
          {"the guest runs on as before; profile it without ", Setting::kRehearse}};
}

Result<Rehearsal> RehearsalRun::verdict() {
  GODWIT_CHECK_OK(verdict_on_the_guest());
  if (ending_ == Ending::kUser) {
    return fail(ErrorCode::kInterrupted, "interrupted during the rehearsal",
                "the guest runs on as before; run the command again");
  }
  // In the first pass pages count from when their part of memory is first sent, not from its start,
  // and the guest is disturbed most: it counts where there is nothing better.
  if (passes_.empty() && first_ && first_->window >= kShortestPass) passes_.push_back(*first_);
  if (passes_.empty()) return fail(nothing_measured());
  Rehearsal rehearsal;
  rehearsal.points = curve_of(std::move(passes_));
  rehearsal.took = clock_.now() - started_;
  if (first_) rehearsal.first_pass = first_->window;
  rehearsal.longest_stop = longest_stop_;
  rehearsal.ended_early = why_early();
  return rehearsal;
}

/// A "done" speaks only for what this run began: an earlier one may have left an entry.
Result<void> RehearsalRun::note(std::string_view step) {
  if (step == "done" && !noted_) return {};
  noted_ = true;
  JournalEntry entry;
  entry.source = options_.vm;
  entry.destination = kRehearsalName;
  entry.source_pid = options_.pid;
  entry.source_started = options_.process_started;
  entry.source_identity = options_.identity;
  entry.step = step;
  entry.source_lease = settings_.lease();
  // It is set anew for each pass.
  if (entry.source_lease) entry.source_lease->borrowed.parameters.max_bandwidth.reset();
  return record_step(options_.journal, clock_, std::move(entry));
}

}  // namespace

Result<void> may_rehearse(Hypervisor& source) {
  GODWIT_TRY(const VmDescription vm, source.describe());
  GODWIT_TRY(const MigrationStatus status, source.migration_status());
  return check(vm, status);
}

Result<Rehearsal> rehearse(Clock& clock, Hypervisor& source, const RehearsalOptions& options,
                           std::stop_token stop) {
  return RehearsalRun(clock, source, options, std::move(stop)).run();
}

void put_into(GuestProfile& profile, const Rehearsal& rehearsal) {
  if (!profile.dirty_curve.empty()) {
    profile.other_curves.push_back(
        {profile.source, std::move(profile.blind_spot), std::move(profile.dirty_curve)});
  }
  profile.source = DirtySource::kRehearsal;
  profile.blind_spot = kBlindSpot;
  profile.dirty_curve = rehearsal.points;
  for (DirtyPoint& point : profile.dirty_curve) {
    for (Bytes* value : {&point.unique, &point.low, &point.high}) {
      *value = std::min(*value, profile.ram);
    }
  }
}

}  // namespace godwit::control
