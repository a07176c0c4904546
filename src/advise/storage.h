#pragma once

#include "godwit/advise/advise.h"

namespace godwit::advise {

/// For disks of which one does not tell what it holds: they move along, and there is no total time,
/// rather than a wrong one.
void forget_total(Advised& advised);

}  // namespace godwit::advise
