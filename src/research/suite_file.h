#pragma once

#include <string>

#include "godwit/base/error.h"
#include "godwit/bench/suite.h"

namespace godwit::research {

/// The suite in a file, or the one of that name which comes with godwit. kNotFound, kCorrupt, and
/// kBadInput for a load that no guest would take: that is said before anything is built.
Result<bench::Suite> read_suite(const std::string& name);

}  // namespace godwit::research
