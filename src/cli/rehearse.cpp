#include "rehearse.h"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "godwit/base/log.h"
#include "godwit/base/quantity.h"
#include "godwit/store/journal.h"
#include "godwit/store/paths.h"
#include "progress_bar.h"

namespace godwit::cli {
namespace {

/// The newest entry of an unfinished rehearsal of this process that says what was lent.
std::optional<JournalEntry> unfinished_rehearsal(const std::filesystem::path& journal,
                                                 std::int64_t pid) {
  const auto entries = store::read_journal(journal);
  if (!entries) {
    log::warning("the journal cannot be read: {}", entries.error().message);
    return std::nullopt;
  }
  std::optional<JournalEntry> found;
  for (const JournalEntry& entry : *entries) {
    const bool is_one = entry.destination == control::kRehearsalName && entry.lent;
    if (is_one && entry.source_pid == pid) found = entry;
  }
  return found;
}

}  // namespace

Result<control::Rehearsal> rehearse_vm(OpenVm& vm, const std::string& name, Context& context) {
  GODWIT_TRY(const auto journal_path, store::default_journal_path(std::getenv));
  store::FileJournal journal(journal_path);
  ProgressBar bar(context.clock, context.out.bar_stream());
  control::RehearsalOptions options;
  options.vm = name;
  options.pid = vm.description.pid;
  options.journal = &journal;
  options.on_progress = [&bar](Ratio done) { bar.draw(done.value(), {}, "rehearsing"); };
  return control::rehearse(context.clock, *vm.hypervisor, options, context.stop);
}

void end_killed_rehearsal(Hypervisor& vm, std::int64_t pid, Clock& clock) {
  const auto path = store::default_journal_path(std::getenv);
  if (!path) return;
  auto entry = unfinished_rehearsal(*path, pid);
  if (!entry) return;
  const auto ended = control::end_leftover_rehearsal(clock, vm, *entry->lent);
  if (!ended) {
    log::warning("the settings that a killed rehearsal left could not be given back: {}",
                 ended.error().message);
    return;
  }
  if (*ended) log::info("gave back the settings that a killed rehearsal had left");
  entry->step = "done";
  entry->lent.reset();
  entry->wall_us = clock.wall_us();
  if (const auto written = store::FileJournal(*path).record(*entry); !written) {
    log::warning("the journal could not be written: {}", written.error().message);
  }
}

std::string rehearsal_text(const control::Rehearsal& rehearsal) {
  std::string out = fmt::format("  rehearsed for {}", human(rehearsal.took));
  if (rehearsal.first_pass) {
    out += fmt::format(", of it {} at full speed", human(*rehearsal.first_pass));
  }
  out += fmt::format("; the guest stood still for {} at most", human(rehearsal.longest_stop));
  if (rehearsal.ended_early) out += fmt::format("\n  ended early: {}", *rehearsal.ended_early);
  return out;
}

Json rehearsal_json(const control::Rehearsal& rehearsal) {
  return Json{
      {"took_s", rehearsal.took.count()},
      {"first_pass_s", rehearsal.first_pass ? Json(rehearsal.first_pass->count()) : Json(nullptr)},
      {"longest_stop_ms", Milliseconds(rehearsal.longest_stop).count()},
      {"ended_early", rehearsal.ended_early ? Json(*rehearsal.ended_early) : Json(nullptr)}};
}

}  // namespace godwit::cli
