#pragma once

#include <vector>

#include "list_schedule.h"

namespace godwit::schedule {

/// A time before which no schedule of these jobs ends:
/// - a job needs its shortest time from its earliest start, which is not before somebody has left a
///   destination that has no room for it at first;
/// - a link needs its work at full rate, of those jobs that start late from then on;
/// - a host that must give before it takes can't receive, until its k-th VM has left, more than has
///   room where k − 1 have: what is then still to come takes its time from there.
[[nodiscard]] Seconds bound_of(const Problem& problem, const Paths& paths,
                               const std::vector<Job>& jobs);

/// The same where VMs may go by other hosts: only that each crosses its source's interface and its
/// destination's, at no more than either carries.
[[nodiscard]] Seconds bound_with_detours(const Problem& problem, const Paths& paths,
                                         const TransferModel& model, const std::vector<Job>& jobs);

}  // namespace godwit::schedule
