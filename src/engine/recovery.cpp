#include "recover.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>
#include <variant>

#include "godwit/base/log.h"
#include "godwit/base/process.h"
#include "godwit/control/rehearsal.h"
#include "godwit/domain/address.h"
#include "godwit/lab/lab.h"
#include "godwit/qmp/qmp_hypervisor.h"
#include "godwit/qmp/vm_lock.h"
#include "godwit/store/journal.h"
#include "godwit/store/paths.h"

namespace godwit::cli {
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

bool same_migration(const JournalEntry& a, const JournalEntry& b) {
  return a.source == b.source && a.destination == b.destination && a.source_pid == b.source_pid &&
         a.destination_pid == b.destination_pid;
}

/// The newest entry of each migration that is not done and that no Godwit drives any more.
std::vector<JournalEntry> left_entries(const std::vector<JournalEntry>& all) {
  std::vector<JournalEntry> newest;
  for (const JournalEntry& entry : all) {
    const auto known = std::find_if(newest.begin(), newest.end(), [&](const JournalEntry& one) {
      return same_migration(one, entry);
    });
    if (known == newest.end()) {
      newest.push_back(entry);
    } else {
      *known = entry;
    }
  }
  const auto is_driven = [](const JournalEntry& entry) {
    if (entry.step.starts_with(kLeft)) return false;
    return entry.writer_pid != 0 && (entry.writer_world != process_world() ||
                                     process_start(entry.writer_pid) == entry.writer_started);
  };
  newest.erase(std::remove_if(newest.begin(), newest.end(), is_driven), newest.end());
  return newest;
}

Result<std::vector<JournalEntry>> read_left(const std::filesystem::path& path) {
  GODWIT_TRY(const auto all, store::read_journal(path));
  return left_entries(all);
}

void write_down(const std::filesystem::path& path, const control::Recovered& found, Clock& clock) {
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

// --- godwit recover: both sides ---

/// Of the lab's guest, that of the process.
std::optional<std::string> lab_socket(const std::string& lab, const std::string& guest,
                                      std::int64_t pid) {
  const auto status = lab::find_guest(lab, guest);
  if (!status) return std::nullopt;
  for (const lab::Instance& one : status->instances) {
    if (one.pid != 0 && one.pid == pid) return one.qmp;
  }
  return std::nullopt;
}

/// The monitor's socket of a side, by the name that its user gave it.
std::optional<std::string> socket_of_source(const JournalEntry& entry, const std::string& lab) {
  const auto address = parse_vm(entry.source);
  if (!address) return std::nullopt;
  if (const auto* qmp = std::get_if<QmpVm>(&*address)) return qmp->socket;
  return lab_socket(lab, std::get<LabVm>(*address).name, entry.source_pid);
}

std::optional<std::string> socket_of_destination(const JournalEntry& entry,
                                                 const std::string& lab) {
  const auto address = parse_destination(entry.destination);
  if (!address) return std::nullopt;
  if (const auto* qmp = std::get_if<QmpDestination>(&*address)) return qmp->socket;
  const auto vm = parse_vm(entry.source);
  const auto* guest = vm ? std::get_if<LabVm>(&*vm) : nullptr;
  return guest == nullptr ? std::nullopt : lab_socket(lab, guest->name, entry.destination_pid);
}

/// One side, connected to; it is the process of the entry, as far as that is known.
class OpenSide {
 public:
  OpenSide(const JournalEntry& entry, const std::optional<std::string>& socket, ProcessId expected,
           const std::string& identity, Clock& clock) {
    ended_ = has_ended(entry, expected);
    if (!socket || ended_) return;
    auto vm = qmp::QmpHypervisor::connect(*socket, clock);
    if (!vm) {
      problem_ = vm.error().message;
      return;
    }
    auto about = (*vm)->describe();
    if (!about) {
      problem_ = about.error().message;
      return;
    }
    if (about->identity != identity) {
      problem_ = fmt::format("another VM answers on {} now", *socket);
      return;
    }
    if (about->pid != 0 && !take_lock(about->pid)) return;
    vm_ = std::move(*vm);
  }

  [[nodiscard]] control::LeftSide side() const { return {vm_.get(), ended_}; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool take_lock(std::int64_t pid) {
    auto lock = qmp::VmLock::acquire(pid);
    if (!lock) {
      problem_ = lock.error().message;
      return false;
    }
    lock_.emplace(std::move(*lock));
    return true;
  }

  std::optional<qmp::VmLock> lock_;
  std::unique_ptr<qmp::QmpHypervisor> vm_;
  bool ended_ = false;
  std::string problem_;  ///< why it can't be asked
};

control::Recovered recover_entry(const JournalEntry& entry, const std::string& lab, Clock& clock) {
  const OpenSide source(entry, socket_of_source(entry, lab),
                        {entry.source_pid, entry.source_started}, entry.source_identity, clock);
  if (entry.destination == control::kRehearsalName) {
    control::Recovered found = control::recover(clock, entry, source.side(), {nullptr, true});
    if (!found.finished && !source.problem().empty()) found.was += ": " + source.problem();
    return found;
  }
  const OpenSide destination(entry, socket_of_destination(entry, lab),
                             {entry.destination_pid, entry.destination_started},
                             entry.destination_identity, clock);
  control::Recovered found = control::recover(clock, entry, source.side(), destination.side());
  for (const OpenSide* side : {&source, &destination}) {
    if (!found.finished && !side->problem().empty()) found.was += "; " + side->problem();
  }
  return found;
}

}  // namespace

Result<std::vector<RecoveredVm>> recover_all(const std::string& lab, Context& context) {
  GODWIT_TRY(const auto path, store::default_journal_path(std::getenv));
  GODWIT_TRY(const auto left, read_left(path));
  std::vector<RecoveredVm> all;
  for (const JournalEntry& entry : left) {
    if (context.stop.stop_requested()) break;
    control::Recovered found = recover_entry(entry, lab, context.clock);
    write_down(path, found, context.clock);
    all.push_back({entry.source, entry.destination, std::move(found)});
  }
  return all;
}

// --- before a VM is driven: that side alone ---

Result<void> recover_before_driving(Hypervisor& vm, const VmDescription& description,
                                    Clock& clock) {
  const auto path = store::default_journal_path(std::getenv);
  if (!path) return {};  // who needs a journal will say so
  const auto left = read_left(*path);
  if (!left) log::warning("the journal cannot be read: {}", left.error().message);
  for (const JournalEntry& entry : left.value_or(std::vector<JournalEntry>())) {
    const bool source = entry.source_identity == description.identity;
    const bool destination = entry.destination_identity == description.identity;
    if (!source && !destination) continue;
    const bool rehearsal = entry.destination == control::kRehearsalName;
    const control::LeftSide here{source ? &vm : nullptr,
                                 has_ended(entry, {entry.source_pid, entry.source_started})};
    const control::LeftSide there{
        destination ? &vm : nullptr,
        rehearsal || has_ended(entry, {entry.destination_pid, entry.destination_started})};
    const control::Recovered found = control::recover(clock, entry, here, there);
    write_down(*path, found, clock);
    const std::string what =
        fmt::format("an earlier {} of this VM ({}) was not ended by its godwit",
                    rehearsal ? "rehearsal" : "migration", entry.source);
    log::warning("{}: {}{}", what, found.was,
                 found.given_back.empty()
                     ? ""
                     : fmt::format("; given back: {}", fmt::join(found.given_back, ", ")));
    if (source ? found.left.source_lease : found.left.destination_lease) {
      return fail(ErrorCode::kBusy, fmt::format("{}, and its settings are not given back", what),
                  "run godwit recover, which says what it waits for");
    }
  }
  return {};
}

}  // namespace godwit::cli
