#pragma once

#include <string>
#include <vector>

#include "context.h"
#include "godwit/control/recovery.h"
#include "godwit/domain/hypervisor.h"

namespace godwit::cli {

/// A migration or rehearsal that its Godwit did not live to end, and what became of it.
struct RecoveredVm {
  std::string vm;  ///< as its user named it
  std::string destination;
  control::Recovered found;
};

/// Looks after every entry of the journal whose Godwit lives no more: connects to both sides, and
/// keeps what is left to do in the journal. `lab` is where lab:NAME is looked for.
Result<std::vector<RecoveredVm>> recover_all(const std::string& lab, Context& context);

/// For who has just taken a VM's lock and drives it next: gives back what a Godwit that was killed
/// had borrowed of it, and says what became of that migration. kBusy where that can't be done: who
/// went on would take borrowed settings for the VM's own.
Result<void> recover_before_driving(Hypervisor& vm, const VmDescription& description, Clock& clock);

}  // namespace godwit::cli
