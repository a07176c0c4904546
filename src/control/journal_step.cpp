#include "journal_step.h"

#include "godwit/base/log.h"

namespace godwit::control {

void record_step(Journal* journal, const Clock& clock, JournalEntry entry) {
  if (journal == nullptr) return;
  entry.wall_us = clock.wall_us();
  if (const auto written = journal->record(entry); !written) {
    log::warning("the journal could not be written: {}", written.error().message);
  }
}

}  // namespace godwit::control
