#include "godwit/pair/recovery.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "godwit/pair/sink_session.h"
#include "godwit/steer/stage.h"
#include "godwit/storage/storage_share.h"
#include "godwit/storage/watch_lease.h"
#include "patience.h"
#include "settings_lease.h"

namespace godwit::pair {
namespace {

/// What a cancelled migration, or a mirror that is given up, may take to end.
constexpr Seconds kPatience{30};

class Recovery {
 public:
  Recovery(Clock& clock, const JournalEntry& entry, LeftSide source, LeftSide destination)
      : clock_(clock), source_(std::move(source)), destination_(std::move(destination)) {
    found_.left = entry;
  }

  Recovered run();
  Recovered end_observation();

 private:
  /// What a side says of itself; absent where it did not answer.
  struct Look {
    std::optional<RunState> state;
    std::optional<MigrationStatus> status;
  };
  static Look look(const LeftSide& side);
  void look_at_both();
  [[nodiscard]] bool under_way() const;
  void cancel_what_waits();
  [[nodiscard]] bool migrate_was_given() const;
  void take_back();
  void end_mirrors();
  void mind_shared_disks();
  [[nodiscard]] bool rest_is_needed() const;
  void fetch_rest(DiskSharing& here, DiskSharing& there);
  void let_go_on();
  void tell_place();
  void tell_postcopy(MigrationPhase phase);
  void tell_no_place();
  void give_back();
  void give_back_cpu();
  bool give_back(const LeftSide& side, std::optional<Lease>& lease, std::string_view name);

  Clock& clock_;
  LeftSide source_;
  LeftSide destination_;
  Look here_;
  Look there_;
  Recovered found_;
  bool mirrors_left_ = false;
  bool rest_left_ = false;  ///< of disks whose guest has moved, a part is at the source
  std::string cpu_left_;    ///< why the vCPUs are still limited; empty where they are not
};

bool is_over(MigrationPhase phase) {
  return phase == MigrationPhase::kNone || is_final(phase);
}

Recovered Recovery::run() {
  give_back_cpu();
  look_at_both();
  cancel_what_waits();
  take_back();
  mind_shared_disks();
  if (!rest_left_) end_mirrors();
  let_go_on();
  tell_place();
  give_back();
  const bool leases_left =
      found_.left.source_lease || found_.left.destination_lease || found_.left.source_cpu;
  found_.finished =
      !leases_left && !mirrors_left_ && !rest_left_ && !under_way() &&
      (found_.runs_on == VmRunsOn::kSource || found_.runs_on == VmRunsOn::kDestination ||
       (source_.ended && destination_.ended));
  if (!cpu_left_.empty()) {
    found_.what_to_do += (found_.what_to_do.empty() ? "" : "; ") + cpu_left_;
  }
  if (!found_.finished && found_.what_to_do.empty()) {
    found_.what_to_do = "run godwit recover again once both monitors can be reached";
  }
  return found_;
}

/// Nothing was moved: that its disks are watched is all there is to end.
Recovered Recovery::end_observation() {
  look_at_both();
  if (here_.state == RunState::kRunning || here_.state == RunState::kPaused) {
    found_.runs_on = VmRunsOn::kSource;
  }
  found_.was = "its disks were watched, and nothing was moved";
  found_.finished =
      source_.ended || (source_.vm != nullptr && storage::end_left_watch(*source_.vm));
  if (found_.finished && !source_.ended) found_.given_back.emplace_back("source: dirty bitmaps");
  if (!found_.finished) {
    found_.what_to_do = "run godwit recover again once its monitor can be reached";
  }
  return found_;
}

Recovery::Look Recovery::look(const LeftSide& side) {
  Look seen;
  if (side.vm == nullptr) return seen;
  if (const auto state = side.vm->run_state()) seen.state = *state;
  if (auto status = side.vm->migration_status()) seen.status = std::move(*status);
  return seen;
}

void Recovery::look_at_both() {
  here_ = look(source_);
  there_ = look(destination_);
}

bool Recovery::under_way() const {
  return here_.status && !is_over(here_.status->phase);
}

/// Where the migration had pause-before-switchover on (disks move along, or it was a rehearsal;
/// others turn it off), QEMU does not switch over without a word from the Godwit that is dead now:
/// until then cancelling is safe.
void Recovery::cancel_what_waits() {
  const auto mark = Capability::kPauseBeforeSwitchover;
  const auto& lease = found_.left.source_lease;
  const bool waits_for_us = lease && lease->borrowed.on.contains(mark);
  if (!waits_for_us || source_.vm == nullptr || !migrate_was_given()) return;
  const auto on = source_.vm->capabilities();
  if (!on || !on->contains(mark)) return;  // somebody else's migration
  const auto phase = here_.status ? here_.status->phase : MigrationPhase::kNone;
  const bool before_switchover = phase == MigrationPhase::kSetup ||
                                 phase == MigrationPhase::kActive ||
                                 phase == MigrationPhase::kPreSwitchover;
  if (!before_switchover || !source_.vm->cancel()) return;
  const TimePoint give_up = clock_.now() + kPatience;
  while (under_way() && clock_.now() < give_up) {
    (void)clock_.wait_until(clock_.now() + kTick, {});
    look_at_both();
  }
}

/// "migrating", "cancelling" … and what is "left" of them; before, there was nothing of ours to
/// cancel.
bool Recovery::migrate_was_given() const {
  if (found_.left.destination == kRehearsalName) return true;
  for (const char* step : {"migrating", "cancelling", "postcopy"}) {
    if (found_.left.step.find(step) != std::string::npos) return true;
  }
  return false;
}

/// QEMU 7.2 leaves a guest whose migration was cancelled before the switchover in postmigrate, and
/// takes `cont`. Nobody else has the guest where the migration has come to nothing and the other
/// side waits still, has ended, or was a rehearsal's.
void Recovery::take_back() {
  const bool came_to_nothing = here_.status && (here_.status->phase == MigrationPhase::kCancelled ||
                                                here_.status->phase == MigrationPhase::kFailed);
  const bool rehearsal = found_.left.destination == kRehearsalName;
  const bool alone = rehearsal || there_.state == RunState::kInmigrate;
  if (!steer::stopped_by_migration(here_.state) || !came_to_nothing || !alone) return;
  (void)source_.vm->resume();
  look_at_both();
}

void Recovery::end_mirrors() {
  if (under_way()) return;
  const TimePoint give_up = clock_.now() + kPatience;
  while (source_.vm != nullptr) {
    const auto before = source_.vm->storage_status();
    if (!before || before->mirrors == 0) break;
    (void)source_.vm->drop_storage();
    mirrors_left_ = clock_.now() >= give_up;
    if (mirrors_left_) {
      found_.what_to_do = "end the disks' mirrors (QMP: query-jobs, block-job-cancel with force)";
      break;
    }
    (void)clock_.wait_until(clock_.now() + kTick, {});
  }
  if (destination_.vm != nullptr && !destination_.vm->drop_storage()) {
    mirrors_left_ = true;
    found_.what_to_do = "end the destination's NBD server (QMP: nbd-server-stop)";
  }
}

/// May the guest run on disks of which a part is at the source? A destination that waits as before
/// never had it, nor has a source that runs it given it away; else only the destination knows.
bool Recovery::rest_is_needed() const {
  if (here_.state == RunState::kRunning || there_.state == RunState::kInmigrate ||
      destination_.ended) {
    return false;
  }
  if (destination_.vm == nullptr) return true;
  DiskSharing* const there = destination_.vm->disk_sharing();
  if (there == nullptr) return false;
  const auto status = there->rest_status();
  return !status || status->disks > 0;
}

/// Shares that nobody needs are given back; what a guest that moved needs is fetched first.
void Recovery::mind_shared_disks() {
  if (under_way()) return;
  DiskSharing* const here = source_.vm == nullptr ? nullptr : source_.vm->disk_sharing();
  DiskSharing* const there = destination_.vm == nullptr ? nullptr : destination_.vm->disk_sharing();
  if (rest_is_needed()) {
    rest_left_ = there != nullptr || found_.left.step.find(kRestFollows) != std::string::npos;
    if (here != nullptr && there != nullptr) fetch_rest(*here, *there);
    if (rest_left_) {
      found_.what_to_do =
          source_.ended ? "the source's QEMU has ended, and with it a part of the guest's disks "
                          "that had not come: end the guest, and start it from the source's disks"
                        : "a part of the guest's disks is still at the source: do not end the "
                          "source's QEMU, and run godwit recover again";
    }
    return;
  }
  if (there != nullptr && there_.state == RunState::kInmigrate) {
    rest_left_ = !there->detach_source();
  }
  if (here != nullptr) rest_left_ = !here->end_sharing() || rest_left_;
  if (rest_left_) found_.what_to_do = "run godwit recover again: disks are still shared";
}

/// As long as it goes on.
void Recovery::fetch_rest(DiskSharing& here, DiskSharing& there) {
  RestStatus status;
  bool sharing = false;
  Bytes before;
  for (TimePoint give_up = clock_.now() + kPatience; clock_.now() < give_up;) {
    const auto left = storage::fetch_step(here, there, std::nullopt, status, sharing);
    if (left && !*left) {
      rest_left_ = false;
      found_.given_back.emplace_back("source: disks that the guest needed");
      return;
    }
    if (left && status.done != before) give_up = clock_.now() + kPatience;
    before = status.done;
    (void)clock_.wait_until(clock_.now() + kTick, {});
  }
}

/// A destination that was told to wait, as a cancel might have come too late, has the guest.
void Recovery::let_go_on() {
  const bool was_told = found_.left.step.find(kToldToWait) != std::string::npos;
  const bool given_away = source_.ended || here_.state == RunState::kPostmigrate;
  const bool whole = there_.status && there_.status->phase == MigrationPhase::kCompleted;
  if (!was_told || !given_away || !whole || there_.state != RunState::kPaused) return;
  (void)destination_.vm->resume();
  look_at_both();
}

void Recovery::tell_place() {
  const MigrationPhase phase = here_.status ? here_.status->phase : MigrationPhase::kNone;
  const bool received = there_.status && there_.status->phase == MigrationPhase::kCompleted;
  if (phase == MigrationPhase::kPostcopyPaused || phase == MigrationPhase::kPostcopyActive) {
    tell_postcopy(phase);
  } else if (there_.state == RunState::kRunning && here_.state == RunState::kRunning) {
    found_.was = "both sides run the guest";
    found_.what_to_do = "pause both at once (QMP: stop), then end the one with the older state";
  } else if (there_.state == RunState::kRunning && (received || !source_.ended)) {
    found_.runs_on = VmRunsOn::kDestination;
    found_.was = received ? "the migration has completed" : "the guest runs at the destination";
  } else if (under_way()) {
    const bool guest_is_here =
        here_.state == RunState::kRunning || here_.state == RunState::kPaused;
    found_.runs_on = guest_is_here ? VmRunsOn::kSource : VmRunsOn::kUnknown;
    found_.was = fmt::format("a migration goes on by itself (phase {})", to_string(phase));
    found_.what_to_do =
        "wait until it has ended (QMP: query-migrate), then run godwit recover again";
  } else if (here_.state == RunState::kRunning) {
    found_.runs_on = VmRunsOn::kSource;
    found_.was = phase == MigrationPhase::kNone
                     ? "no migration had begun"
                     : fmt::format("the migration has ended ({})", to_string(phase));
  } else {
    tell_no_place();
  }
}

void Recovery::tell_postcopy(MigrationPhase phase) {
  if (phase == MigrationPhase::kPostcopyActive && !destination_.ended) {
    const bool asked = there_.state.has_value();
    found_.runs_on = asked ? VmRunsOn::kDestination : VmRunsOn::kUnknown;
    found_.was = asked ? "post-copy goes on by itself: the guest runs at the destination"
                       : "post-copy goes on, by the source's words; the destination, which has the "
                         "guest, can't be asked";
    found_.what_to_do =
        "do not end the source, the guest needs it still; once query-migrate there says completed, "
        "run godwit recover again";
    return;
  }
  found_.runs_on = destination_.ended ? VmRunsOn::kUnknown : VmRunsOn::kBothPaused;
  found_.was = "the link broke during post-copy: both sides hold a part of the guest";
  found_.what_to_do =
      destination_.ended
          ? "the destination's QEMU has ended, and the guest is lost: end the source, too"
          : "on the destination QMP migrate-recover with a free address as \"uri\", then on the "
            "source QMP migrate with that \"uri\" and \"resume\": true";
}

void Recovery::tell_no_place() {
  const bool gave_away = here_.state == RunState::kPostmigrate;
  const bool has_it = there_.state && *there_.state != RunState::kInmigrate;
  if (here_.state == RunState::kPaused || here_.state == RunState::kIoError) {
    found_.runs_on = VmRunsOn::kSource;
    found_.was = "the guest stands still at the source, and not for the migration";
    found_.what_to_do = "let it run with QMP cont if it should";
  } else if (gave_away && has_it) {
    found_.runs_on = VmRunsOn::kDestination;
    found_.was = fmt::format("the migration has completed; the guest stands still there ({})",
                             to_string(*there_.state));
    found_.what_to_do = "let it run with QMP cont at the destination if it should";
  } else if (here_.state && there_.state) {
    found_.runs_on = VmRunsOn::kBothPaused;
    found_.was = fmt::format("neither side runs the guest (source {}, destination {})",
                             to_string(*here_.state), to_string(*there_.state));
    found_.what_to_do =
        "end the destination, make sure that it has ended, then let the source run on (QMP cont)";
  } else if (source_.ended && destination_.ended) {
    found_.was = "both QEMUs have ended, and the guest with them";
  } else if (source_.ended && there_.state) {
    found_.was = fmt::format(
        "the source's QEMU has ended; the destination is {}, and was not seen to have all of the "
        "guest",
        to_string(*there_.state));
    found_.what_to_do = "if the destination does not work: end it, and start the guest anew";
  } else if (gave_away && destination_.ended) {
    found_.was = "the destination's QEMU has ended after the source had given the guest away";
    found_.what_to_do =
        "only if the destination certainly never ran the guest: let the source run on (QMP cont); "
        "else start the guest anew";
  } else {
    found_.was = "a side could not be asked";
    found_.what_to_do =
        "reach both monitors, then run godwit recover again; let the guest run on one side only "
        "when the other certainly has ended or waits for a migration (inmigrate)";
  }
}

void Recovery::give_back() {
  JournalEntry& left = found_.left;
  const bool over_here = here_.status && is_over(here_.status->phase);
  // In post-copy it runs the guest long before it is over.
  const bool received = there_.status && is_final(there_.status->phase);
  const bool waits = there_.state == RunState::kInmigrate;
  const bool over_there = received || (waits && (over_here || source_.ended));
  if (source_.ended || (over_here && give_back(source_, left.source_lease, "source"))) {
    left.source_lease.reset();
  }
  if (destination_.ended ||
      (over_there && give_back(destination_, left.destination_lease, "destination"))) {
    left.destination_lease.reset();
  }
}

void Recovery::give_back_cpu() {
  std::optional<LentCpu>& lent = found_.left.source_cpu;
  if (!lent) return;
  const auto given =
      source_.give_back_cpu
          ? source_.give_back_cpu(*lent)
          : Result<void>(fail(ErrorCode::kUnsupported, "nobody here limits CPU time"));
  if (given) {
    lent.reset();
    found_.given_back.emplace_back(kCpuGivenBack);
    return;
  }
  cpu_left_ = fmt::format("the guest's vCPUs are still limited at the source: {}; {}",
                          given.error().message, given.error().what_to_do.text());
}

bool Recovery::give_back(const LeftSide& side, std::optional<Lease>& lease, std::string_view name) {
  if (!lease) return true;
  const auto given = pair::give_back(*side.vm, *lease);
  if (!given) {
    found_.what_to_do =
        fmt::format("the {}'s settings could not be given back: {}", name, given.error().message);
    return false;
  }
  for (const std::string& setting : *given) {
    found_.given_back.push_back(fmt::format("{}: {}", name, setting));
  }
  return true;
}

}  // namespace

Recovered recover(Clock& clock, const JournalEntry& entry, LeftSide source, LeftSide destination) {
  Recovery recovery(clock, entry, std::move(source), std::move(destination));
  const bool observed = entry.destination == storage::kObservationName;
  return observed ? recovery.end_observation() : recovery.run();
}

}  // namespace godwit::pair
