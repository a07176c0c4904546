#pragma once

#include <vector>

#include "godwit/domain/ports.h"

namespace godwit::control {

class MemoryJournal : public Journal {
 public:
  Result<void> record(const JournalEntry& entry) override {
    entries.push_back(entry);
    return {};
  }
  std::vector<JournalEntry> entries;
};

}  // namespace godwit::control
