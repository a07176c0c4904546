#include "godwit/control/journal_step.h"

#include "godwit/base/log.h"

namespace godwit::control {

Result<void> record_step(Journal* journal, const Clock& clock, JournalEntry entry) {
  if (journal == nullptr) return {};
  entry.wall_us = clock.wall_us();
  auto written = journal->record(entry);
  if (!written) log::warning("the journal could not be written: {}", written.error().message);
  return written;
}

}  // namespace godwit::control
