#include "godwit/engine/recovery.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "godwit/base/log.h"
#include "godwit/base/process.h"
#include "godwit/engine/engine.h"
#include "godwit/pair/sink_session.h"
#include "godwit/storage/watch_lease.h"
#include "godwit/store/journal.h"

namespace godwit::engine {
namespace {

/// Begins the step of what nobody drives any more; the step that it was in follows.
constexpr std::string_view kLeft = "left ";

struct ProcessId {
  std::int64_t pid = 0;
  std::int64_t started = 0;
};

/// It ran on this host since it was booted, and does no more. (An entry without a start names no
/// process for certain; numbers of another boot or namespace mean nothing here.)
bool has_ended(const JournalEntry& entry, const ProcessId& process) {
  return entry.writer_world == process_world() && process.pid != 0 && process.started != 0 &&
         process_start(process.pid) != process.started;
}

/// The newest entry of each migration that is not done and that no Godwit drives any more.
std::vector<JournalEntry> left_entries(const std::vector<JournalEntry>& all) {
  std::vector<JournalEntry> newest;
  for (const JournalEntry& entry : all) {
    const auto known = std::find_if(newest.begin(), newest.end(), [&](const JournalEntry& one) {
      return store::same_migration(one, entry);
    });
    if (known == newest.end()) {
      newest.push_back(entry);
    } else {
      *known = entry;
    }
  }
  newest.erase(std::remove_if(newest.begin(), newest.end(), is_driven), newest.end());
  return newest;
}

/// Rehearsals and observations have no destination.
bool is_of_one_vm(const JournalEntry& entry) {
  return entry.destination == pair::kRehearsalName ||
         entry.destination == storage::kObservationName;
}

Result<std::vector<JournalEntry>> read_left(const std::filesystem::path& path) {
  GODWIT_TRY(const auto all, store::read_journal(path));
  return left_entries(all);
}

void write_down(const std::filesystem::path& path, const pair::Recovered& found, Clock& clock) {
  JournalEntry entry = found.left;
  if (found.finished) {
    entry.step = "done";
  } else if (!entry.step.starts_with(kLeft)) {
    entry.step.insert(0, kLeft);
  }
  entry.wall_us = clock.wall_us();
  entry.writer_pid = entry.writer_started = 0;  // it is ours now
  if (const auto written = store::FileJournal(path).record(entry); !written) {
    log::warning("the journal could not be written: {}", written.error().message);
  }
}

/// Who gives vCPUs their time back. Control groups end with their boot.
std::function<Result<void>(const LentCpu&)> cpu_of(Opener& opener, const JournalEntry& entry) {
  const bool still_there = same_boot(entry.writer_world, process_world());
  return [&opener, still_there](const LentCpu& lent) {
    return still_there ? opener.give_back_cpu(lent) : Result<void>();
  };
}

// --- both sides ---

/// One side, connected to; it is the process of the entry, as far as that is known.
class OpenSide {
 public:
  OpenSide(Opener& opener, const JournalEntry& entry, Side side) {
    const bool source = side == Side::kSource;
    give_back_cpu_ = cpu_of(opener, entry);
    ended_ = has_ended(entry, source ? ProcessId{entry.source_pid, entry.source_started}
                                     : ProcessId{entry.destination_pid, entry.destination_started});
    const auto monitor = opener.monitor_of(entry, side);
    if (!monitor || ended_) return;
    const auto opened =
        open(opener, *monitor, source ? entry.source_identity : entry.destination_identity);
    if (opened) return;
    // A daemon that answers knows that it does not run; a QEMU's monitor that is not there says
    // nothing.
    const ErrorCode code = opened.error().code;
    ended_ = managed(*monitor) && (code == ErrorCode::kNotFound || code == ErrorCode::kRefused);
    if (!ended_) problem_ = opened.error().message;
  }

  [[nodiscard]] pair::LeftSide side() const { return {vm_.get(), ended_, give_back_cpu_}; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] Hypervisor* vm() const { return vm_.get(); }
  /// libvirt sees to it that the guest runs at one place only.
  [[nodiscard]] static bool managed(const std::string& monitor) {
    return monitor.starts_with("libvirt:");
  }

 private:
  Result<void> open(Opener& opener, const std::string& monitor, const std::string& identity) {
    GODWIT_TRY(auto vm, opener.connect(monitor));
    GODWIT_TRY(const VmDescription about, vm->describe());
    if (about.identity != identity) {
      return fail(ErrorCode::kBadInput, fmt::format("another VM answers on {} now", monitor));
    }
    if (about.pid != 0) {
      GODWIT_TRY(lock_, opener.lock(about.pid));
    }
    vm_ = std::move(vm);
    return {};
  }

  std::unique_ptr<DriverLock> lock_;
  std::shared_ptr<Hypervisor> vm_;
  bool ended_ = false;
  std::function<Result<void>(const LentCpu&)> give_back_cpu_;
  std::string problem_;  ///< why it can't be asked
};

/// Ends a pre-copy that nobody steers any more. The destination is told first not to start the
/// guest (a cancel may reach the source behind its last byte), and the entry says so, for who comes
/// after us if we are killed, too. In every other phase it is left alone.
void cancel_precopy(Clock& clock, const OpenSide& source, const OpenSide& destination,
                    const std::filesystem::path& journal, JournalEntry& entry) {
  if (source.vm() == nullptr) return;
  const auto status = source.vm()->migration_status();
  const MigrationPhase found = status ? status->phase : MigrationPhase::kOther;
  const bool told = entry.step.find(pair::kToldToWait) != std::string::npos;
  const bool ours = told || entry.step.find("migrating") != std::string::npos;
  if (!ours || (found != MigrationPhase::kSetup && found != MigrationPhase::kActive)) return;
  if (OpenSide::managed(entry.source)) {
    (void)source.vm()->cancel();
    return;
  }
  if (destination.vm() == nullptr) return;
  if (!told) entry.step += fmt::format(", {}", pair::kToldToWait);
  JournalEntry noted = entry;
  noted.wall_us = clock.wall_us();
  noted.writer_pid = noted.writer_started = 0;  // it is ours now
  if (!store::FileJournal(journal).record(noted)) return;
  if (!destination.vm()->pause()) return;
  const auto there = destination.vm()->run_state();
  if (!there || *there != RunState::kInmigrate) return;  // too late: it has the guest
  (void)source.vm()->cancel();
}

/// What can't be cancelled ends by itself: a switchover soon, post-copy when all is across.
void await_end(Clock& clock, const OpenSide& source, const std::stop_token& stop) {
  constexpr Seconds kTick{0.1};
  constexpr Seconds kPatience{30};
  const TimePoint give_up = clock.now() + kPatience;
  while (source.vm() != nullptr && !stop.stop_requested()) {
    const auto status = source.vm()->migration_status();
    if (!status || status->phase == MigrationPhase::kNone || is_final(status->phase)) return;
    if (status->phase != MigrationPhase::kPostcopyActive && clock.now() >= give_up) return;
    (void)clock.wait_until(clock.now() + kTick, stop);
  }
}

/// True where something was; what could not be is tried again with the rest, and told.
bool give_back_cpu(Opener& opener, JournalEntry& entry) {
  if (!entry.source_cpu || !cpu_of(opener, entry)(*entry.source_cpu)) return false;
  entry.source_cpu.reset();
  return true;
}

pair::Recovered recover_sides(Opener& opener, Clock& clock, const JournalEntry& entry) {
  const OpenSide source(opener, entry, Side::kSource);
  if (is_of_one_vm(entry)) {
    pair::Recovered found = pair::recover(clock, entry, source.side(), {nullptr, true});
    if (!found.finished && !source.problem().empty()) found.was += ": " + source.problem();
    return found;
  }
  const OpenSide destination(opener, entry, Side::kDestination);
  pair::Recovered found = pair::recover(clock, entry, source.side(), destination.side());
  for (const OpenSide* side : {&source, &destination}) {
    if (!found.finished && !side->problem().empty()) found.was += "; " + side->problem();
  }
  return found;
}

/// The vCPUs' time first: to reach a side may take minutes, and the guest is slow meanwhile.
pair::Recovered recover_entry(Opener& opener, Clock& clock, JournalEntry entry) {
  const bool given = give_back_cpu(opener, entry);
  pair::Recovered found = recover_sides(opener, clock, entry);
  if (given) found.given_back.emplace(found.given_back.begin(), pair::kCpuGivenBack);
  return found;
}

RecoveredVm recover_left(Opener& opener, Clock& clock, const std::filesystem::path& journal,
                         const JournalEntry& entry) {
  pair::Recovered found = recover_entry(opener, clock, entry);
  write_down(journal, found, clock);
  return {entry.source, entry.destination, std::move(found)};
}

// --- one side alone ---

/// Is this VM the entry's source, its destination, or none of them?
struct Part {
  bool source = false;
  bool destination = false;
};
Part part_of(const VmDescription& vm, const JournalEntry& entry) {
  return {entry.source_identity == vm.identity, entry.destination_identity == vm.identity};
}

/// kBusy where its settings are not given back.
Result<void> recover_side(const std::filesystem::path& journal, const JournalEntry& entry,
                          Hypervisor& vm, const Part& part, Opener& opener, Clock& clock) {
  const bool alone = is_of_one_vm(entry);
  const pair::LeftSide here{part.source ? &vm : nullptr,
                            has_ended(entry, {entry.source_pid, entry.source_started}),
                            cpu_of(opener, entry)};
  const pair::LeftSide there{
      part.destination ? &vm : nullptr,
      alone || has_ended(entry, {entry.destination_pid, entry.destination_started})};
  const pair::Recovered found = pair::recover(clock, entry, here, there);
  write_down(journal, found, clock);
  const std::string what = fmt::format("an earlier {} of this VM ({}) was not ended by its godwit",
                                       alone ? entry.destination : "migration", entry.source);
  log::warning("{}: {}{}", what, found.was,
               found.given_back.empty()
                   ? ""
                   : fmt::format("; given back: {}", fmt::join(found.given_back, ", ")));
  const bool kept = part.source ? found.left.source_lease || found.left.source_cpu
                                : found.left.destination_lease.has_value();
  if (!kept) return {};
  return fail(ErrorCode::kBusy, fmt::format("{}, and its settings are not given back", what),
              "run godwit recover, which says what it waits for");
}

}  // namespace

bool is_driven(const JournalEntry& entry) {
  if (entry.step.starts_with(kLeft)) return false;
  return entry.writer_pid != 0 && (entry.writer_world != process_world() ||
                                   process_start(entry.writer_pid) == entry.writer_started);
}

/// The one that is written, then that of an earlier version if it is there.
std::vector<std::filesystem::path> Engine::journals() const {
  std::vector<std::filesystem::path> all;
  if (const auto path = places_.journal()) all.push_back(*path);
  if (const auto older = places_.older_journal()) all.push_back(*older);
  return all;
}

Result<std::vector<RecoveredVm>> Engine::recover() {
  GODWIT_CHECK_OK(places_.journal());
  std::vector<RecoveredVm> all;
  for (const auto& path : journals()) {
    GODWIT_TRY(const auto left, read_left(path));
    for (const JournalEntry& entry : left) {
      if (stop_.stop_requested()) return all;
      all.push_back(recover_left(*opener_, clock_, path, entry));
    }
  }
  return all;
}

Result<std::optional<RecoveredVm>> Engine::take_over(const std::string& vm) {
  GODWIT_CHECK_OK(places_.journal());
  std::optional<RecoveredVm> last;
  for (const auto& path : journals()) {
    GODWIT_TRY(const auto left, read_left(path));
    for (JournalEntry entry : left) {
      if (entry.source != vm) continue;
      {
        const OpenSide source(*opener_, entry, Side::kSource);
        const OpenSide destination(*opener_, entry, Side::kDestination);
        cancel_precopy(clock_, source, destination, path, entry);
        await_end(clock_, source, stop_);
      }
      last = recover_left(*opener_, clock_, path, entry);
    }
  }
  return last;
}

Result<void> Engine::recover_before_driving(OpenVm& vm) {
  for (const auto& path : journals()) {  // who needs a journal, and has none, will say so
    const auto left = read_left(path);
    if (!left) log::warning("the journal cannot be read: {}", left.error().message);
    for (const JournalEntry& entry : left.value_or(std::vector<JournalEntry>())) {
      const Part part = part_of(vm.description, entry);
      if (!part.source && !part.destination) continue;
      GODWIT_CHECK_OK(recover_side(path, entry, *vm.hypervisor, part, *opener_, clock_));
    }
  }
  return {};
}

}  // namespace godwit::engine
