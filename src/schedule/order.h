#pragma once

#include <optional>
#include <vector>

#include "list_schedule.h"

namespace godwit::schedule {

/// An order in which the jobs can be done one after the other, each with room at its destination
/// when its turn comes; none where there is none, or where the search is given up. For the rare
/// problem in which starting whatever has room ends in a cycle that another order avoids.
[[nodiscard]] std::optional<std::vector<std::size_t>> order_that_fits(const Problem& problem,
                                                                      const std::vector<Job>& jobs);

}  // namespace godwit::schedule
