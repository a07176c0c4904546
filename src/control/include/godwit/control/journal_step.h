#pragma once

#include "godwit/base/clock.h"
#include "godwit/domain/ports.h"

namespace godwit::control {

/// Writes the entry down as of now. One that can't be written is warned of: once something runs,
/// what goes on is more important. `journal` may be null.
Result<void> record_step(Journal* journal, const Clock& clock, JournalEntry entry);

}  // namespace godwit::control
