#pragma once

#include <string>

#include "godwit/domain/ports.h"
#include "godwit/pair/recovery.h"

namespace godwit::engine {

/// A migration or rehearsal that its Godwit did not live to end, and what became of it.
struct RecoveredVm {
  std::string vm;  ///< as its user named it
  std::string destination;
  pair::Recovered found;
};

/// The Godwit that wrote the entry lives, or may: processes of another boot or process namespace
/// can't be told from here.
[[nodiscard]] bool is_driven(const JournalEntry& entry);

}  // namespace godwit::engine
