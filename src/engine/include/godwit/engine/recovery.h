#pragma once

#include <string>

#include "godwit/pair/recovery.h"

namespace godwit::engine {

/// A migration or rehearsal that its Godwit did not live to end, and what became of it.
struct RecoveredVm {
  std::string vm;  ///< as its user named it
  std::string destination;
  pair::Recovered found;
};

}  // namespace godwit::engine
