#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "godwit/base/error.h"
#include "godwit/base/rng.h"
#include "godwit/domain/prediction.h"
#include "godwit/schedule/problem.h"
#include "godwit/schedule/transfer.h"

/// From a problem to who migrates when, whereto and at which rate. Pure, and the same for a seed.

namespace godwit::schedule {

/// Its rate is reserved on every link of its path from start to end.
struct Move {
  std::size_t vm = 0;
  std::size_t from = 0;
  std::size_t to = 0;
  Seconds start{};
  Seconds end{};
  BytesPerSecond rate;
};

/// A VM that can't go where it should.
struct Blocker {
  std::size_t vm = 0;
  std::string why;
  std::string what_to_do;
};

struct Plan {
  std::vector<Move> moves;  ///< by start
  std::vector<Blocker> blockers;
  Seconds makespan{};     ///< end of the last move
  Seconds lower_bound{};  ///< no plan of the same moves, each made once and directly, ends earlier
  /// The makespan where durations err as the model's are known to.
  Interval<Seconds> finish;
};

/// Destinations first, where none are given; then list scheduling: whenever something ends, start
/// what waits and has room and rate, first those on whose links most work is left. A plan is made
/// again with other preferences, for those that came last, until it reaches its lower bound or the
/// effort is spent. kBadInput as of check().
Result<Plan> make_plan(const Problem& problem, const TransferModel& model, Rng& rng);

}  // namespace godwit::schedule
