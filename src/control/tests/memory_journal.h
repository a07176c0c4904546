#pragma once

#include <vector>

#include "godwit/domain/ports.h"

namespace godwit::control {

class MemoryJournal : public Journal {
 public:
  Result<void> record(const JournalEntry& entry) override {
    if (full) return fail(ErrorCode::kEnvironment, "no space left on the device");
    entries.push_back(entry);
    return {};
  }
  std::vector<JournalEntry> entries;
  bool full = false;
};

}  // namespace godwit::control
