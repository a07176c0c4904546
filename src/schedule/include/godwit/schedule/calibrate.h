#pragma once

#include <span>
#include <string>
#include <vector>

#include "godwit/schedule/replay.h"

/// The constants of a transfer model, from plans that were carried out. Pure.

namespace godwit::schedule {

/// A plan and what became of it, in any number of runs.
struct ExecutedPlan {
  std::vector<std::string> hosts;  ///< their names; `moves` has their indices
  Paths paths;
  std::vector<OrderedMove> moves;
  std::vector<std::vector<TimeSpan>> runs;  ///< of each run the span of each move
};

/// Least mean relative error of durations, and with half the weight of the last end, by coordinate
/// descent from usual_transfer_model(). Nothing is learnt of hosts that never send and receive at
/// once.
[[nodiscard]] TransferModel calibrate(std::span<const ExecutedPlan> plans);

}  // namespace godwit::schedule
